"""The table of ratios: ours against each other broker and the limit, with its noise, beside what is asked."""

import statistics

from measure import figures

LIMIT = "limit"
ASKED_OF = {"kafka": "kafka", "kafka-durable": "durable", LIMIT: "limit"}


def markdown(header, lines):
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    for cells in lines:
        yield f"| {' | '.join(cells)} |"


class Results:
    """The JSON lines of every repeat of every row, by contender; None for a run that failed."""

    def __init__(self):
        self.runs = {}

    def add(self, row, contender, line):
        self.runs.setdefault((row.name, contender), []).append(line)

    def has(self, row):
        return any(name == row.name for name, _ in self.runs)

    def of(self, row, contender):
        return self.runs.get((row.name, contender), [])


def ratio_cell(numbers):
    if not numbers:
        return "-"
    return figures.spread_of(numbers)


def asked_cell(asked, numbers):
    """What is asked, and whether the median reaches it."""
    if asked is None:
        return "-"
    if not numbers:
        return f"{asked:.3g}: not measured"
    return f"{asked:.3g}: {'reached' if statistics.median(numbers) >= asked else 'NOT reached'}"


def ratios(rows, ours, others, results):
    """A line for each figure of each row and each state of ours."""
    header = ["work", "state"]
    for other in others:
        header += [f"to {other}"] + ([f"asked of {other}"] if other in ASKED_OF else [])
    header += ["steal %"]
    lines = []
    for row in rows:
        for line in row.lines():
            for state in ours:
                mine = results.of(row, state)
                if not mine:
                    continue
                cells = [line.title, state.removeprefix("millrace").strip() or "fresh"]
                for other in others:
                    found = figures.paired(line.figure, mine, results.of(row, other))
                    cells.append(ratio_cell(found))
                    if other in ASKED_OF:
                        cells.append(asked_cell(getattr(line.asked, ASKED_OF[other]), found))
                cells.append(figures.steal(sum((results.of(row, name) for name in [state, *others]), [])))
                lines.append(cells)
    return markdown(header, lines)


def absolute(rows, names, results):
    """The figures themselves, which compare with nothing but each other."""
    lines = []
    for row in rows:
        for line in row.lines():
            cells = [f"{line.title}, {line.figure.unit}"]
            for name in names:
                runs = results.of(row, name)
                cells.append(figures.spread(line.figure, runs) if any(runs) and figures.values(line.figure, runs) else
                             "failed" if runs and not any(runs) else "-")
            lines.append(cells)
    return markdown(["work", *names], lines)


def turnover_line(run):
    """What a run's watch over the segments says, and where that was no steady state."""
    said = (f"{run['turned_over']} of {run['first']} segments went in the measured time, {run['begun']} of the {run['last']} there "
            f"at its end are new, {run['recycled']} of them in files of old ones")
    if not run["turned_over"]:
        return f"{said}: NOT steady, too little was written"
    if run["last"] > 2 * run["first"]:
        return f"{said}: NOT steady, retention did not keep up"
    return said


def turnover(rows, name, results):
    """What shows that segments changed hands while the steady state was measured."""
    for row in rows:
        runs = [run for run in results.of(row, name) if run]
        if runs and row.produces:
            total = {key: sum(run[key] for run in runs) for key in ("first", "last", "turned_over", "begun", "recycled")}
            yield f"{row.title}: {turnover_line(total)}"
