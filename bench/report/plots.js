/// The plots of the page: what each draws of a run. Those for which no run has data are left out.

const percentiles = [
  {id: "p99_us", name: "p99"},
  {id: "p50_us", name: "p50"},
  {id: "p999_us", name: "p99.9"},
  {id: "max_us", name: "max"},
];

/// Of several runs only p99 is drawn at first: more would be a tangle.
function percentileMeasures(runs) {
  return percentiles.map((measure, index) => ({...measure, shown: runs.length === 1 || index === 0}));
}

/// A value in microseconds where something was measured, else null: an interval without answers has no latency.
function microseconds(value) {
  return value > 0 ? value * 1e3 : null;
}

function latencyOverTime(id, title, field, runs) {
  return {
    id, title, axis: "time", latency: true, family: () => "latency",
    note: "Percentiles of each interval.",
    measures: percentileMeasures(runs),
    points: (run, measure) => series(run, (interval) => microseconds(at(interval, `${field}.${measure.id}`))),
  };
}

/// `counted`: what the histogram is of.
function latencyByPercentile(id, title, field, counted) {
  return {
    id, title, axis: "nines", axisTitle: `share of ${counted} that were at most so slow`,
    latency: true, steps: true, family: () => "latency",
    note: "Of the whole run, from its full histogram: each nine is as wide as the one before.",
    measures: [{name: "latency"}],
    points: (run) => run.curves[field] ?? [],
  };
}

function processorTime(id, title, field) {
  const used = (interval, what) => at(interval, `${field}.${what}_seconds`);
  const both = (interval) => isNumber(used(interval, "user")) || isNumber(used(interval, "system"))
    ? (used(interval, "user") ?? 0) + (used(interval, "system") ?? 0) : undefined;
  return {
    id, title, axis: "time", family: () => "cores",
    note: "Processor time per second: 1 is one core that never rests.",
    measures: [
      {name: "all", of: both},
      {name: "user", shown: false, of: (interval) => used(interval, "user")},
      {name: "system", shown: false, of: (interval) => used(interval, "system")},
    ],
    points: (run, measure) => series(run, (interval, length) => measure.of(interval) / length),
  };
}

function throughput() {
  return {
    id: "throughput", title: "Throughput over time", axis: "time",
    note: "What was acknowledged, and what was received, in each interval.",
    family: (page) => page.throughput === "bytes" ? "byteRate" : "rate",
    measures: [{id: "produced", name: "produced", part: "produce"}, {id: "consumed", name: "consumed", part: "consume"}],
    points: (run, {id, part}, page) => at(run.document, part) === undefined ? []
      : series(run, (interval, length) => at(interval, `${id}_${page.throughput}`) / length),
  };
}

function errorsOverTime() {
  return {
    id: "errors", title: "Errors over time", axis: "time", family: () => "rate",
    note: "Records that were refused or got no answer, and fetches that failed.",
    measures: [{name: "errors"}],
    points: (run) => series(run, (interval, length) => at(interval, "errors") / length),
    worthIt: (points) => points.some(([, y]) => y > 0),
  };
}

function disk() {
  return {
    id: "disk", title: "Disk of the server over time", axis: "time", family: () => "byteRate",
    note: "What the server's process had written to and read from its disk.",
    measures: [{id: "written_bytes", name: "written"}, {id: "read_bytes", name: "read"}],
    points: (run, measure) => series(run, (interval, length) => at(interval, `server.${measure.id}`) / length),
  };
}

function memory() {
  return {
    id: "memory", title: "Memory of the server over time", axis: "time", family: () => "memory",
    note: "Resident set size.",
    measures: [{name: "resident"}],
    points: (run) => series(run, (interval) => at(interval, "server.rss_bytes")),
  };
}

function stepsOf(run) {
  return [...(at(run.document, "search.steps") ?? [])].sort((a, b) => a.rate - b.rate);
}

function search() {
  return {
    id: "search", title: "Search for the highest rate", axis: "rate", latency: true, marks: true, family: () => "latency",
    note: "p99 at each rate that was tried. ● the bound held, ✕ it did not.",
    measures: [{name: "p99"}],
    points: (run) => stepsOf(run).map((step) => [step.rate, microseconds(step.p99_us), step]),
    remark: ([, , step]) => `${step.held ? "held" : "not held"}${reachedText(step)}`,
    references: (page) => [...new Set(page.runs.filter((run) => page.shown.has(run))
      .map((run) => at(run.document, "search.p99_bound_us")).filter((bound) => bound > 0))]
      .map((bound) => ({y: bound * 1e3, text: `bound ${format("latency", bound * 1e3, {trim: true})}`})),
    below: searchTable,
  };
}

function reachedText(step) {
  return isNumber(step.reached_rate) ? `, reached ${format("rate", step.reached_rate)}` : "";
}

/// The steps in the order in which they were tried.
function searchTable(page) {
  const rows = page.runs.flatMap((run) => (at(run.document, "search.steps") ?? []).map((step) => html("tr", {},
    html("th", {scope: "row"}, badge(run), run.name), html("td", {}, format("rate", step.rate)),
    html("td", {}, format("rate", step.reached_rate)), html("td", {}, format("latency", microseconds(step.p99_us) ?? NaN)),
    html("td", {class: step.held ? "" : "bad"}, step.held ? "held" : "not held"))));
  const heads = ["Run", "Asked", "Reached", "p99", "Bound"].map((text) => html("th", {scope: "col"}, text));
  return html("details", {}, html("summary", {}, "All steps"),
    html("div", {class: "scroll"}, html("table", {class: "steps"}, html("thead", {}, html("tr", {}, heads)), html("tbody", {}, rows))));
}

/// Those with something to draw, in the order of the page.
function plotsOf(page) {
  const all = [
    throughput(),
    latencyOverTime("produce-latency", "Produce latency over time", "produce_latency", page.runs),
    latencyOverTime("end-to-end-latency", "End-to-end latency over time", "end_to_end_latency", page.runs),
    latencyOverTime("fetch-latency", "Fetch latency over time", "fetch_latency", page.runs),
    latencyByPercentile("produce-percentiles", "Produce latency by percentile", "produce", "records"),
    latencyByPercentile("end-to-end-percentiles", "End-to-end latency by percentile", "end_to_end", "records"),
    latencyByPercentile("fetch-percentiles", "Fetch latency by percentile", "consume", "fetches"),
    search(), errorsOverTime(),
    processorTime("server-cpu", "Processors of the server over time", "server"),
    processorTime("load-cpu", "Processors of the load over time", "load"),
    disk(), memory(),
  ];
  const worthIt = (points) => points.some(([, y]) => y !== null);
  return all.map((plot) => ({...plot, measures: plot.measures.filter((measure) =>
    page.runs.some((run) => (plot.worthIt ?? worthIt)(plot.points(run, measure, page))))}))
    .filter((plot) => plot.measures.length > 0);
}
