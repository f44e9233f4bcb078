/// Puts the page together and draws again what depends on a choice of the reader.

/// "17 missing, 2 duplicates": those of the [path, word] whose count is above 0.
function countsOf(run, words) {
  return words.map(([path, word]) => [at(run.document, path), word]).filter(([count]) => count > 0)
    .map(([count, word]) => `${format("count", count)} ${word}`).join(", ");
}

/// What is wrong with the runs, worst first: [class, text].
function warningsOf(runs) {
  const said = [];
  for (const run of runs) {
    const wrong = countsOf(run, ["missing", "duplicates", "out_of_order", "corrupt"]
      .map((what) => [`consume.verified.${what}`, what.replaceAll("_", " ")]));
    if (wrong !== "") said.push(["error", `${run.name}: verification failed: ${wrong}.`]);
  }
  for (const run of runs) {
    const failed = countsOf(run, [["produce.errors", "records"], ["consume.errors", "fetches"]]);
    if (failed !== "") said.push(["caution", `${run.name}: ${failed} failed.`]);
    const steal = run.document.steal_percent;
    if (steal > 2) {
      said.push(["caution", `${run.name}: ${format("percent", steal, {trim: true})} of the processor time was stolen by other `
        + "machines of the same host. Its figures are worth little."]);
    }
  }
  const hosts = new Set(runs.map((run) => at(run.document, "host.name")).filter((name) => name !== undefined));
  if (hosts.size > 1) said.push(["caution", "The runs come from different machines: their ratios say little about the broker."]);
  return said;
}

function fillHeader(runs) {
  const title = runs.length === 1 ? runs[0].name : `${runs.length} runs side by side`;
  document.title = `${title} – millrace-bench`;
  byId("title").textContent = title;
  const all = (of) => [...new Set(runs.map((run) => of(run.document)).filter((value) => value !== undefined && value !== ""))];
  const kinds = all((run) => run.kind).join(", ");
  const started = all((run) => formatDate(run.started)).sort();
  const when = started.length > 1 ? `${started[0]} to ${started[started.length - 1]}` : started[0];
  const where = [all((run) => at(run, "host.name")).map(plain).join(", "), ...["kernel", "compiler", "commit"].map((what) => {
    const words = all((run) => at(run, `host.${what}`));
    return words.length > 0 && `${what} ${words.map(plain).join(", ")}`;
  })].filter(Boolean);
  byId("subtitle").replaceChildren(`${kinds} · ${when}`, html("br"), where.join(" · "));
  const said = warningsOf(runs);
  byId("warnings").hidden = said.length === 0;
  byId("warnings").replaceChildren(...said.map(([kind, text]) => html("li", {class: kind}, text)));
}

class Page {
  constructor(runs) {
    this.runs = runs;
    this.shown = new Set(runs);
    this.baseline = runs[0];
    this.throughput = "bytes";
    this.latencyScale = "log";
    this.charts = plotsOf(this).map((plot) => new Chart(plot, this));
  }

  fill() {
    fillHeader(this.runs);
    byId("legend").replaceChildren(...this.runs.map((run) => this.legendButton(run)));
    byId("controls").replaceChildren(...this.controls());
    this.fillSummary();
    byId("where-table").replaceChildren(whereTable(this));
    byId("configuration").replaceChildren(...configuration(this).filter(Boolean));
    byId("downloads").replaceChildren("The documents behind this page: ", ...this.runs.map((run) =>
      html("button", {type: "button", onclick: () => download(run)}, `${run.name} (JSON)`)));
    byId("plots").replaceChildren(...this.charts.map((chart) => chart.figure));
    this.draw();
  }

  legendButton(run) {
    const toggle = (event) => {
      if (this.shown.has(run)) this.shown.delete(run);
      else this.shown.add(run);
      event.currentTarget.setAttribute("aria-pressed", this.shown.has(run));
      this.draw();
    };
    return html("button", {type: "button", class: "legend", "aria-pressed": "true", title: "Show or hide in the plots",
      onclick: toggle}, badge(run), html("span", {}, run.name));
  }

  controls() {
    const choose = (field, then) => (value) => {
      this[field] = value;
      then.call(this);
    };
    const numbered = this.runs.map((run, index) => [index, `${run.number} ${run.name}`]);
    return [
      this.runs.length > 1 ? select("Baseline", numbered, 0, (index) => {
        this.baseline = this.runs[index];
        this.fillSummary();
      }) : null,
      select("Throughput", [["bytes", "bytes"], ["records", "records"]], "bytes", choose("throughput", this.draw)),
      select("Latency scale", [["log", "logarithmic"], ["linear", "linear"]], "log", choose("latencyScale", this.draw)),
      select("Colours", [["light dark", "as the system"], ["light", "light"], ["dark", "dark"]], "light dark",
        (scheme) => { document.documentElement.style.colorScheme = scheme; }),
    ].filter(Boolean);
  }

  fillSummary() {
    byId("summary-hint").hidden = this.runs.length === 1;
    byId("summary-table").replaceChildren(summaryTable(this));
  }

  draw() {
    for (const chart of this.charts) chart.draw();
  }

  /// All other plots over time show the moment that is read in one of them; null: none.
  pointAt(source, stop) {
    for (const chart of this.charts) {
      if (chart === source || chart.plot.axis !== "time") continue;
      if (stop === null) chart.cursor.hide();
      else chart.cursor.echo(stop);
    }
  }
}

const page = new Page(readRuns());
page.fill();
let drawnWidth = window.innerWidth;
window.addEventListener("resize", () => {
  if (window.innerWidth === drawnWidth) return;
  drawnWidth = window.innerWidth;
  page.draw();
});
