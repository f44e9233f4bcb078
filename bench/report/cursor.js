/// The crosshair of a plot and the values at it: under the pointer, by the arrow keys where the plot has the focus, and as a bare
/// line in all other plots over time, so that what happened at one moment is seen in all of them.

class Cursor {
  constructor(chart) {
    this.chart = chart;
    this.stop = null;
    this.stops = [];
    const canvas = chart.canvas;
    canvas.addEventListener("pointermove", (event) => this.follow(event));
    canvas.addEventListener("pointerdown", (event) => this.follow(event));
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("blur", () => this.leave());
    canvas.addEventListener("keydown", (event) => this.step(event));
  }

  /// The plot was drawn anew. The crosshair can stand at the points of its lines, or all along an axis of nines.
  reset() {
    const {lines, plot} = this.chart;
    this.hide();
    if (plot.axis === "nines") {
      const last = Math.max(0, ...lines.flatMap((line) => line.points.slice(-1).map(([x]) => x)));
      this.stops = Array.from({length: Math.floor(last * 16) + 1}, (_, index) => index / 16);
    } else {
      this.stops = [...new Set(lines.flatMap((line) => line.points.map(([x]) => x)))].sort((a, b) => a - b);
    }
  }

  follow(event) {
    if (!this.chart.x) return;
    const box = this.chart.canvas.getBoundingClientRect();
    const wanted = this.chart.x.from((event.clientX - box.left) * (this.chart.width / box.width));
    this.show(this.stops[nearest(this.stops, wanted)]);
  }

  step(event) {
    if (event.key === "Escape") this.leave();
    if (!this.chart.x || !["ArrowLeft", "ArrowRight", "PageUp", "PageDown", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    const {stops} = this;
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
    const point = points[nearest(points, stop, ([x]) => x)];
    const usual = points.length > 1 ? (points[points.length - 1][0] - points[0][0]) / (points.length - 1) : Infinity;
    const same = this.chart.plot.axis === "rate" ? point[0] === stop : Math.abs(point[0] - stop) <= 0.75 * usual;
    return same ? point : undefined;
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
        page.runs.length > 1 ? html("span", {class: "whose"}, line.run.name) : null,
        several || page.runs.length === 1 ? html("span", {class: "measure"}, line.measure.name) : null,
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

/// In a list by rising `of`, the index of what is next to `wanted`.
function nearest(sorted, wanted, of = (value) => value) {
  let [low, high] = [0, sorted.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (of(sorted[middle]) < wanted) low = middle + 1;
    else high = middle;
  }
  return low > 0 && wanted - of(sorted[low - 1]) < of(sorted[low]) - wanted ? low - 1 : low;
}
