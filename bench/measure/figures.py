"""Medians and spreads of repeated runs, as text."""

import statistics


def digits(value):
    return 0 if value >= 100 else 2 if value >= 0.1 else 4


def values(figure, runs):
    return [run[figure.field] * figure.scale for run in runs if run and run.get(figure.field) is not None]


def spread_of(numbers):
    if not numbers:
        return "failed"
    middle = statistics.median(numbers)
    places = digits(middle)
    if len(numbers) == 1:
        return f"{middle:.{places}f}"
    return f"{middle:.{places}f} ({min(numbers):.{places}f}-{max(numbers):.{places}f})"


def spread(figure, runs):
    return spread_of(values(figure, runs))


def ratio(figure, ours, theirs):
    """How much better ours is, 1 being the same; of times the other way round."""
    return theirs / ours if figure.less_is_better else ours / theirs


def share(figure, ours, theirs):
    """The ratio of the medians, as text."""
    if not ours or not theirs:
        return ""
    return f"{ratio(figure, statistics.median(values(figure, ours)), statistics.median(values(figure, theirs))):.2f}"


def paired(figure, ours, theirs):
    """The ratio of each repeat: what drifts between repeats does not touch it."""
    found = []
    for mine, other in zip(ours, theirs):
        if mine and other and mine.get(figure.field) and other.get(figure.field):
            found.append(ratio(figure, mine[figure.field], other[figure.field]))
    return found


def cost(runs):
    """Server microseconds a request and seconds a GB."""
    if not runs or not runs[0]["server_cpu_s"]:
        return ""
    each = statistics.median(1e6 * run["server_cpu_s"] / max(run["requests"], 1) for run in runs)
    per_gb = statistics.median(run["server_cpu_s_per_gb"] for run in runs)
    return f"{each:.2f} / {per_gb:.3f}"


def latency(runs):
    """p50 / p99 / p99.9 in milliseconds."""
    if not runs:
        return ""
    return " / ".join(f"{statistics.median(run[key] for run in runs) / 1e3:.2f}"
                      for key in ("p50_us", "p99_us", "p999_us"))


def steal(runs):
    """Percent of a core that the host gave to somebody else, the worst of the runs."""
    shares = [100 * run["steal_s"] / run["seconds"] for run in runs if run and run.get("seconds")]
    return f"{max(shares):.0f}" if shares else ""
