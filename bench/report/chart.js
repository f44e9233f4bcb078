/// One plot: a figure with its title, its choice of measures, the drawing, and the read-out under the pointer (cursor.js).
/// A plot (plots.js) says what to draw; `draw` draws it again at the width there is, for what the page shows now.

const margin = {left: 68, top: 14, bottom: 42};
const plotHeight = 290;

/// How the measures of a plot differ: the first is the plainest. Runs differ by colour.
const strokes = [
  {width: 2, dash: null, opacity: 1},
  {width: 1.6, dash: "7 4", opacity: 0.9},
  {width: 1.6, dash: "2 3.5", opacity: 0.95},
  {width: 1.4, dash: "9 3 2 3", opacity: 0.7},
];

class Chart {
  constructor(plot, page) {
    this.plot = plot;
    this.page = page;
    this.shown = new Set(plot.measures.filter((measure) => measure.shown !== false));
    this.canvas = svg("svg", {tabindex: 0, role: "img", "aria-labelledby": `${plot.id}-title`,
      "aria-describedby": `${plot.id}-note`});
    this.readout = html("div", {class: "readout", hidden: true});
    this.spoken = html("p", {class: "unseen", "aria-live": "polite"});
    this.figure = html("figure", {id: plot.id},
      html("figcaption", {},
        html("h3", {id: `${plot.id}-title`}, plot.title),
        html("p", {id: `${plot.id}-note`, class: "note"}, plot.note),
        plot.measures.length > 1 ? this.measureChoice() : null),
      html("div", {class: "plot"}, this.canvas, this.readout), this.spoken,
      plot.below ? plot.below(page) : null);
    this.cursor = new Cursor(this);
  }

  measureChoice() {
    return html("div", {class: "measures", role: "group", "aria-label": "Measures"}, this.plot.measures.map((measure, index) => {
      const toggle = (event) => {
        if (event.target.checked) this.shown.add(measure);
        else this.shown.delete(measure);
        this.draw();
      };
      return html("label", {},
        html("input", {type: "checkbox", checked: this.shown.has(measure), onchange: toggle}),
        svg("svg", {width: 26, height: 8, "aria-hidden": "true"}, svg("line", {x1: 1, x2: 25, y1: 4, y2: 4, class: "line",
          ...strokeOf(index), style: {stroke: "currentColor"}})),
        measure.name);
    }));
  }

  draw() {
    const width = Math.max(280, this.canvas.parentNode.clientWidth);
    this.width = width;
    this.right = width - this.roomForLabels();
    this.canvas.setAttribute("viewBox", `0 0 ${width} ${plotHeight}`);
    this.lines = this.plot.measures.flatMap((measure, index) => this.shown.has(measure) ? this.linesOf(measure, index) : []);
    this.cursor.reset();
    if (this.lines.length === 0) {
      this.x = null;
      this.canvas.replaceChildren(svg("text", {x: width / 2, y: plotHeight / 2, class: "empty"}, "Nothing is selected to be drawn."));
      return;
    }
    this.references = this.plot.references ? this.plot.references(this.page) : [];
    this.makeScales();
    this.layer = svg("g");
    this.canvas.replaceChildren(...this.axes(), ...this.references.map((reference) => this.referenceLine(reference)),
      ...this.lines.flatMap((line) => this.path(line)), ...this.endLabels(), this.layer);
  }

  roomForLabels() {
    if (this.page.runs.length > 1) return 26;
    return this.shown.size > 1 ? 14 + 8 * Math.max(...[...this.shown].map((measure) => measure.name.length)) : 20;
  }

  /// Of the runs that have a value: the crosshair stops at no moment of the others.
  linesOf(measure, index) {
    return this.page.runs.filter((run) => this.page.shown.has(run))
      .map((run) => ({run, measure, stroke: strokeOf(index), points: this.usable(this.plot.points(run, measure, this.page))}))
      .filter((line) => line.points.some(([, y]) => y !== null));
  }

  /// A logarithmic axis has no place for 0.
  usable(points) {
    return this.logarithmic() ? points.map(([x, y, ...more]) => [x, y > 0 ? y : null, ...more]) : points;
  }

  logarithmic() {
    return this.plot.latency === true && this.page.latencyScale === "log";
  }

  makeScales() {
    const drawn = this.lines.flatMap((line) => line.points.filter(([, y]) => y !== null));
    const extent = (values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)],
      [Infinity, -Infinity]);
    const columns = [margin.left, this.right];
    const rows = [plotHeight - margin.bottom, margin.top];
    const across = extent(drawn.map(([x]) => x));
    const up = extent([...drawn.map(([, y]) => y), ...this.references.map((reference) => reference.y)]);
    const ticks = Math.max(3, Math.floor((columns[1] - columns[0]) / 80));
    this.x = this.plot.axis === "nines" ? ninesScale(across[1], columns)
      : this.plot.axis === "rate" ? linearFromZero(across[1], columns, ticks)
        : linearScale([Math.min(0, across[0]), across[1]], columns, ticks);
    this.unit = unitFor(this.family(), up[1]);
    this.y = this.logarithmic() ? logScale(up, rows) : linearFromZero(up[1], rows, 5, this.unit[0]);
  }

  family() {
    return this.plot.family(this.page);
  }

  axes() {
    const [left, right] = [margin.left, this.right];
    const bottom = plotHeight - margin.bottom;
    const rows = this.y.ticks.map((value) => svg("g", {},
      svg("line", {class: "grid", x1: left, x2: right, y1: this.y.at(value), y2: this.y.at(value)}),
      svg("text", {class: "tick", x: left - 7, y: this.y.at(value) + 4, "text-anchor": "end"}, this.tickText(value))));
    const columns = this.x.ticks.map((value) => svg("g", {},
      svg("line", {class: "grid", x1: this.x.at(value), x2: this.x.at(value), y1: margin.top, y2: bottom}),
      svg("text", {class: "tick", x: this.x.at(value), y: bottom + 17, "text-anchor": "middle"}, this.xText(value))));
    return [...rows, ...columns,
      svg("line", {class: "axis", x1: left, x2: right, y1: bottom, y2: bottom}),
      svg("text", {class: "axis-title", x: (left + right) / 2, y: plotHeight - 6, "text-anchor": "middle"},
        this.plot.axisTitle ?? axisTitles[this.plot.axis])];
  }

  /// A logarithmic axis spans units and each tick has its own; else all have that of the largest.
  tickText(value) {
    if (value === 0) return "0";
    return format(this.family(), value, this.logarithmic() ? {trim: true} : {unit: this.unit, trim: true});
  }

  xText(value) {
    if (this.plot.axis === "nines") return formatNines(value);
    if (this.plot.axis === "rate") return format("rate", value, {trim: true});
    return `${digits(value, true)}\u00a0s`;
  }

  path(line) {
    let pen = false;
    const commands = thin(line.points, this.width).map(([x, y]) => {
      if (y === null) {
        pen = false;
        return "";
      }
      const [column, row] = [this.x.at(x).toFixed(1), this.y.at(y).toFixed(1)];
      const command = !pen ? `M${column},${row}h0` : this.plot.steps ? `V${row}H${column}` : `L${column},${row}`;
      pen = true;
      return command;
    });
    const drawn = svg("path", {class: "line", d: commands.join(""), ...line.stroke, style: {stroke: line.run.colour}});
    return [drawn, ...(this.plot.marks ? line.points.map((point) => this.mark(line, point)) : [])];
  }

  /// A step of a search: a disc where the bound held, a cross where it did not.
  mark(line, [x, y, step]) {
    if (y === null) return svg("g");
    const [column, row] = [this.x.at(x), this.y.at(y)];
    return step.held ? svg("circle", {class: "mark", cx: column, cy: row, r: 4.5, style: {fill: line.run.colour}})
      : svg("path", {class: "cross", d: `M${column - 5},${row - 5}l10,10m0,-10l-10,10`, style: {stroke: line.run.colour}});
  }

  referenceLine({y, text}) {
    const row = this.y.at(y);
    return svg("g", {}, svg("line", {class: "reference", x1: margin.left, x2: this.right, y1: row, y2: row}),
      svg("text", {class: "tick", x: margin.left + 6, y: row - 5}, text));
  }

  /// At the right ends of the lines: the numbers of several runs, each once, or the names of one run's measures.
  endLabels() {
    const several = this.page.runs.length > 1;
    if (!several && this.shown.size < 2) return [];
    const first = this.plot.measures.find((measure) => this.shown.has(measure));
    const ends = this.lines.filter((line) => !several || line.measure === first).map((line) => {
      const last = line.points.findLast(([, y]) => y !== null);
      return {line, column: this.x.at(last[0]) + 6, row: this.y.at(last[1])};
    });
    return moveApart(ends).map(({line, column, row}) => svg("text", {class: "end", x: column, y: row + 4,
      style: {fill: line.run.colour}}, several ? String(line.run.number) : line.measure.name));
  }
}

/// Labels by rising row, moved so that none covers another and none is below the axis; none where they are too many for that.
function moveApart(labels) {
  const height = 12;
  const bottom = plotHeight - margin.bottom;
  if (labels.length * height > bottom - margin.top) return [];
  const sorted = labels.sort((a, b) => a.row - b.row);
  for (let index = 1; index < sorted.length; ++index) sorted[index].row = Math.max(sorted[index].row, sorted[index - 1].row + height);
  let limit = bottom;
  for (const label of sorted.toReversed()) {
    label.row = Math.min(label.row, limit);
    limit = label.row - height;
  }
  return sorted;
}

const axisTitles = {
  time: "time since the start of the measurement",
  rate: "rate that was asked for",
};

function strokeOf(index) {
  const {width, dash, opacity} = strokes[index % strokes.length];
  return {"stroke-width": width, "stroke-dasharray": dash, "stroke-opacity": opacity};
}
