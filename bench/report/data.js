/// The runs of this report: each document as it was written, with a name, a number, a colour and its intervals made ready.

const colours = 8;

/// What `path` ("produce.latency.p99") names in a document; undefined where a part is missing or null.
function at(document, path) {
  let here = document;
  for (const part of path.split(".")) {
    if (here === null || typeof here !== "object" || !Object.hasOwn(here, part)) return undefined;
    here = here[part];
  }
  return here === null ? undefined : here;
}

/// Labels, but each only once: "before", "before (2)".
function namesOf(documents) {
  const seen = new Map();
  return documents.map((document, index) => {
    const label = printable(document.label.trim()) || `run ${index + 1}`;
    seen.set(label, (seen.get(label) ?? 0) + 1);
    return seen.get(label) === 1 ? label : `${label} (${seen.get(label)})`;
  });
}

/// Counts in an interval are of that interval alone, and `at` is its end: so its length is what passed since the end of the one
/// before. The first begins at 0, and no other is longer: where the second is, the first began in the warm-up, as in older
/// documents.
function withLengths(intervals) {
  const sorted = [...intervals].sort((a, b) => a.at - b.at);
  const begin = sorted.length > 1 ? Math.min(0, 2 * sorted[0].at - sorted[1].at) : 0;
  return sorted.map((interval, index) => {
    const length = interval.at - (index > 0 ? sorted[index - 1].at : begin);
    return {interval, length: length > 0 ? length : NaN};
  });
}

function readRuns() {
  const data = JSON.parse(byId("data").textContent);
  const names = namesOf(data.map((run) => run.document));
  return data.map(({document, curves}, index) => ({
    document,
    number: index + 1,
    name: names[index],
    colour: `var(--run-${(index % colours) + 1})`,
    curves: {produce: curves[0], consume: curves[1], end_to_end: curves[2]},
    intervals: withLengths(document.intervals),
  }));
}

/// [seconds, value] for each interval; null where it has none, which interrupts a line. `of(interval, length)`.
function series(run, of) {
  return run.intervals.map(({interval, length}) => {
    const value = of(interval, length);
    return [interval.at, isNumber(value) ? value : null];
  });
}

function download(run) {
  const text = JSON.stringify(run.document, null, 1);
  const address = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  const name = `${run.name.replace(/[^\w.-]+/g, "-").slice(0, 80) || "run"}.json`;
  html("a", {href: address, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
