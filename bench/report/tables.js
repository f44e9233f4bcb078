/// Tables that put the runs side by side: a row for each figure, a column for each run.

/// The head of such a table.
function runHeads(page, marked) {
  return html("thead", {}, html("tr", {}, html("td", {}), page.runs.map((run) =>
    html("th", {scope: "col"}, html("span", {class: "run-name", title: run.name}, badge(run), html("span", {}, run.name)),
      marked === run ? html("span", {class: "ratio"}, "baseline") : null))));
}

/// `kind` is "figures" or "sayings"; `marked`, in figures, is the baseline.
function comparison(page, kind, groups, marked = null) {
  const bodies = groups.filter((group) => group.rows.length > 0).map((group) => html("tbody", {},
    group.title ? html("tr", {class: "group"}, html("th", {scope: "rowgroup", colspan: page.runs.length + 1},
      html("span", {}, group.title))) : null,
    group.rows));
  return html("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of runs"},
    html("table", {class: `comparison ${kind}`}, runHeads(page, marked), bodies));
}

const latencyFigures = [["p50", "p50"], ["p90", "p90"], ["p99", "p99"], ["p99.9", "p999"], ["p99.99", "p9999"], ["max", "max"],
  ["mean", "mean"]];

function latencyRows(path) {
  return latencyFigures.map(([name, field]) => ({name, family: "latency", better: "less",
    of: (document) => at(document, `${path}.count`) > 0 ? at(document, `${path}.${field}`) : undefined}));
}

/// `failed`: what its errors are.
function workRows(part, failed) {
  const of = (field) => (document) => at(document, `${part}.${field}`);
  return [
    {name: "throughput", family: "byteRate", better: "more", of: of("bytes_per_second")},
    {name: "records", family: "rate", better: "more", of: of("records_per_second")},
    {name: "requests", family: "rate", of: (document) => at(document, `${part}.requests`) / document.seconds},
    {name: failed, family: "count", bad: true, of: of("errors")},
    ...latencyRows(`${part}.latency`).map((row) => ({...row, name: `latency ${row.name}`})),
  ];
}

function verifiedRows() {
  const of = (field) => (document) => at(document, `consume.verified.${field}`);
  return [
    {name: "records checked", family: "count", of: of("records")},
    {name: "missing", family: "count", bad: true, of: of("missing")},
    {name: "duplicates", family: "count", bad: true, of: of("duplicates")},
    {name: "out of order", family: "count", bad: true, of: of("out_of_order")},
    {name: "corrupt", family: "count", bad: true, of: of("corrupt")},
  ];
}

const summaryGroups = [
  {title: "Produce", rows: workRows("produce", "failed records")},
  {title: "Consume", rows: workRows("consume", "failed fetches")},
  {title: "End to end", rows: latencyRows("end_to_end.latency").map((row) => ({...row, name: `latency ${row.name}`}))},
  {title: "Search", rows: [
    {name: "highest rate that held", family: "rate", better: "more", of: (document) => at(document, "search.rate")},
    {name: "bound of p99", family: "latency", of: (document) => at(document, "search.p99_bound_us") * 1e3},
  ]},
  {title: "Server", rows: [
    {name: "processor time", family: "seconds", of: (document) => at(document, "server_cpu_seconds")},
    {name: "processor time a GB", family: "secondsPerGb", better: "less",
      of: (document) => at(document, "server_cpu_seconds_per_gb")},
  ]},
  {title: "Verification of what was consumed", rows: verifiedRows()},
];

/// Better or worse than the baseline by more than 2 %, in a word and a colour; empty for a figure that cannot be either.
function ratioOf(row, value, base) {
  if (!row.better || !(base > 0) || !(value > 0)) return html("span", {class: "ratio"});
  const ratio = value / base;
  const change = row.better === "more" ? ratio - 1 : 1 / ratio - 1;
  const word = change > 0.02 ? "better" : change < -0.02 ? "worse" : "alike";
  const sign = {better: "▲", worse: "▼", alike: "="}[word];
  return html("span", {class: `ratio ${word}`}, formatRatio(ratio), " ", html("span", {"aria-hidden": "true"}, sign),
    html("span", {class: "unseen"}, word));
}

function summaryRow(page, row) {
  const values = page.runs.map((run) => row.of(run.document));
  if (!values.some(isNumber)) return null;
  const unit = commonUnit(row.family, values.filter(isNumber));
  const base = row.of(page.baseline.document);
  return html("tr", {}, html("th", {scope: "row"}, row.name), page.runs.map((run, index) => {
    const wrong = row.bad && values[index] > 0;
    return html("td", {class: wrong ? "bad" : ""}, format(row.family, values[index], {unit}),
      run === page.baseline ? null : ratioOf(row, values[index], base));
  }));
}

function summaryTable(page) {
  const groups = summaryGroups.map(({title, rows}) => ({title, rows: rows.map((row) => summaryRow(page, row)).filter(Boolean)}));
  return comparison(page, "figures", groups, page.runs.length > 1 ? page.baseline : null);
}

/// A value of a configuration, as it was written.
function plain(value) {
  if (value === undefined || value === null) return "–";
  return printable(typeof value === "object" ? JSON.stringify(value) : String(value));
}

/// A row of words; one cell for all runs where they agree.
function wordsRow(name, words) {
  const same = words.every((word) => word === words[0]);
  const cells = same ? [html("td", {class: "same", colspan: words.length}, html("span", {}, words[0]))]
    : words.map((word) => html("td", {}, word));
  return html("tr", {}, html("th", {scope: "row"}, printable(name)), cells);
}

const whereRows = [
  ["workload", (document) => document.kind],
  ["started", (document) => formatDate(document.started)],
  ["measured", (document) => format("seconds", document.seconds)],
  ["warm-up", (document) => format("seconds", document.warmup_seconds)],
  ["steal", (document) => format("percent", document.steal_percent, {trim: true})],
  ["host", (document) => plain(at(document, "host.name"))],
  ["processors", (document) => [at(document, "host.cpus"), at(document, "host.cpu_model")].filter((part) => part !== undefined)
    .map(plain).join(" × ") || "–"],
  ["memory", (document) => format("memory", at(document, "host.memory_bytes"), {trim: true})],
  ["kernel", (document) => plain(at(document, "host.kernel"))],
  ["compiler", (document) => plain(at(document, "host.compiler"))],
  ["commit", (document) => plain(at(document, "host.commit"))],
  ["version", (document) => plain(at(document, "host.version"))],
  ["broker", (document) => [at(document, "broker.addresses")].flat().map(plain).join(", ")],
  ["cluster", (document) => plain(at(document, "broker.cluster_id"))],
  ["nodes", (document) => plain(at(document, "broker.nodes"))],
];

function whereTable(page) {
  const rows = whereRows.map(([name, of]) => wordsRow(name, page.runs.map((run) => of(run.document))));
  return comparison(page, "sayings", [{rows}]);
}

/// The options in which runs differ, and behind a click all of them.
function configuration(page) {
  const options = [...new Set(page.runs.flatMap((run) => Object.keys(run.document.configuration)))].sort();
  const wordsOf = (option) => page.runs.map(({document}) =>
    plain(Object.hasOwn(document.configuration, option) ? document.configuration[option] : undefined));
  const all = options.map((option) => ({option, words: wordsOf(option)}));
  const differing = all.filter(({words}) => words.some((word) => word !== words[0]));
  const table = (rows) => comparison(page, "sayings", [{rows: rows.map(({option, words}) => wordsRow(option, words))}]);
  const several = page.runs.length > 1;
  return [
    several ? (differing.length > 0 ? table(differing) : html("p", {}, "All runs had the same configuration.")) : null,
    options.length === 0 ? html("p", {}, "The document names no options.")
      : html("details", {open: !several}, html("summary", {}, `All ${options.length} options`), table(all)),
  ];
}
