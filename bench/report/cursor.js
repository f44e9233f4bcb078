/// The crosshair of a plot and the values at it: under the pointer, by the arrow keys where the plot has the focus, and as a bare
/// line in all other plots over time, so that what happened at one moment is seen in all of them.

class Cursor {
  constructor(chart) {
    this.chart = chart;
    this.stop = null;
    const canvas = chart.canvas;
    canvas.addEventListener("pointermove", (event) => this.follow(event));
    canvas.addEventListener("pointerdown", (event) => this.follow(event));
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("blur", () => this.leave());
    canvas.addEventListener("keydown", (event) => this.step(event));
  }

  /// Where the crosshair can stand: at the points of the lines, or all along an axis of nines.
  stops() {
    const {lines, plot} = this.chart;
    if (plot.axis === "nines") {
      const last = Math.max(...lines.flatMap((line) => line.points.slice(-1).map(([x]) => x)));
      return Array.from({length: Math.floor(last * 16) + 1}, (_, index) => index / 16);
    }
    return [...new Set(lines.flatMap((line) => line.points.map(([x]) => x)))].sort((a, b) => a - b);
  }

  follow(event) {
    if (!this.chart.x) return;
    const box = this.chart.canvas.getBoundingClientRect();
    const wanted = this.chart.x.from((event.clientX - box.left) * (this.chart.width / box.width));
    this.show(nearest(this.stops(), wanted));
  }

  step(event) {
    if (event.key === "Escape") this.leave();
    if (!this.chart.x || !["ArrowLeft", "ArrowRight", "PageUp", "PageDown", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    const stops = this.stops();
    const now = this.stop === null ? -1 : stops.indexOf(this.stop);
    const page = Math.max(1, Math.round(stops.length / 10));
    const by = {ArrowLeft: -1, ArrowRight: 1, PageUp: -page, PageDown: page, Home: -stops.length, End: stops.length}[event.key];
    const index = now < 0 && by < 0 ? (event.key === "Home" ? 0 : stops.length - 1) : now + by;
    this.show(stops[Math.max(0, Math.min(stops.length - 1, index))]);
    this.chart.spoken.textContent = [...this.chart.readout.children].map((part) => part.textContent).join(", ");
  }

  show(stop) {
    if (stop === undefined) return;
    this.stop = stop;
    const found = this.chart.lines.map((line) => ({line, point: this.pointAt(line, stop)}))
      .filter(({point}) => point && point[1] !== null)
      .sort((a, b) => b.point[1] - a.point[1]);
    this.drawLine(stop, found);
    this.fillReadout(stop, found);
    if (this.chart.plot.axis === "time") this.chart.page.pointAt(this.chart, stop);
  }

  /// The point of a line for this stop: of nines, the first that reaches it; else the nearest, if it is not another's moment.
  pointAt(line, stop) {
    const {points} = line;
    if (this.chart.plot.axis === "nines") return points.find(([x]) => x >= stop - 1e-9);
    if (points.length === 0) return undefined;
    const x = nearest(points.map((point) => point[0]), stop);
    const usual = points.length > 1 ? (points[points.length - 1][0] - points[0][0]) / (points.length - 1) : Infinity;
    const same = this.chart.plot.axis === "rate" ? x === stop : Math.abs(x - stop) <= 0.75 * usual;
    return same ? points.find((point) => point[0] === x) : undefined;
  }

  drawLine(stop, found) {
    const column = this.chart.x.at(stop);
    this.chart.layer.replaceChildren(
      svg("line", {class: "crosshair", x1: column, x2: column, y1: margin.top, y2: plotHeight - margin.bottom}),
      ...found.map(({line, point}) => svg("circle", {class: "mark", r: 3.5,
        cx: this.chart.plot.axis === "nines" ? column : this.chart.x.at(point[0]), cy: this.chart.y.at(point[1]),
        style: {fill: line.run.colour}})));
  }

  fillReadout(stop, found) {
    const {plot, page, readout} = this.chart;
    const several = plot.measures.length > 1;
    readout.replaceChildren(...[
      html("strong", {}, this.chart.xText(stop)),
      ...found.map(({line, point}) => html("div", {class: "reading"},
        page.runs.length > 1 ? badge(line.run) : null,
        html("span", {class: "whose"}, [page.runs.length > 1 ? line.run.name : null, several ? line.measure.name : null]
          .filter(Boolean).join(" · ") || plot.title),
        html("b", {}, format(this.chart.family(), point[1])),
        plot.remark ? html("span", {class: "remark"}, plot.remark(point)) : null)),
      found.length === 0 ? html("div", {}, "no value") : null].filter(Boolean));
    readout.hidden = false;
    const share = this.chart.x.at(stop) / this.chart.width;
    Object.assign(readout.style, share < 0.5 ? {left: `calc(${100 * share}% + 12px)`, right: "auto"}
      : {left: "auto", right: `calc(${100 * (1 - share)}% + 12px)`});
  }

  /// The line alone, for a moment at which another plot is read.
  echo(stop) {
    if (!this.chart.x) return;
    this.drawLine(stop, []);
  }

  leave() {
    this.hide();
    if (this.chart.plot.axis === "time") this.chart.page.pointAt(this.chart, null);
  }

  hide() {
    this.stop = null;
    this.chart.readout.hidden = true;
    if (this.chart.layer) this.chart.layer.replaceChildren();
  }
}

/// Of sorted numbers, the one next to `wanted`.
function nearest(sorted, wanted) {
  let [low, high] = [0, sorted.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  const closerBefore = low > 0 && wanted - sorted[low - 1] < sorted[low] - wanted;
  return closerBefore ? sorted[low - 1] : sorted[low];
}
