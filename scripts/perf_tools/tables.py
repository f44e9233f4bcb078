"""Tables of figures, as text."""

import fold


def aligned(rows):
    """The rows as lines; the first column to the left, the others, which are figures, to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    width = [max(len(row[column]) for row in rows if column < len(row)) for column in range(max(map(len, rows), default=0))]
    for row in rows:
        cells = [cell.rjust(width[column]) if column else cell.ljust(width[column]) for column, cell in enumerate(row)]
        yield "  ".join(cells).rstrip()


def show(rows):
    for line in aligned(rows):
        print(line)


def figure(value):
    """Three digits that count; - for what is not known."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}" if abs(value) >= 0.001 else f"{value:.1e}"


def each(count, of):
    """count / of; - where one is not known or there was none."""
    return None if count is None or not of else count / of


def per(count, window):
    """The cells `a second`, `a message`, `a request` of a count."""
    return [figure(each(count, window.seconds)), figure(each(count, window.messages)), figure(each(count, window.requests))]


PER = ["a second", "a message", "a request"]


def microseconds(nanoseconds):
    return figure(nanoseconds / 1000)


def quantile(ordered, share):
    """Of a sorted list; None of an empty one."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def latencies(values):
    """The cells p50, p99 and most of nanoseconds, in microseconds."""
    ordered = sorted(values)
    return [microseconds(quantile(ordered, share)) if ordered else "-" for share in (0.5, 0.99, 1)]


LATENCIES = ["p50 us", "p99 us", "most us"]


def histogram(values, unit=1, wide=40):
    """Lines of a histogram whose bins double; `unit` is what one of the printed numbers is."""
    bins = {}
    for value in values:
        index = max(0, int(value / unit)).bit_length()
        bins[index] = bins.get(index, 0) + 1
    most = max(bins.values(), default=1)
    for index in range(min(bins, default=0), max(bins, default=-1) + 1):
        count = bins.get(index, 0)
        low, high = (1 << index) >> 1, 1 << index
        bar = "#" * -(-count * wide // most)
        yield f"  {low:>9,} to {high:>9,}  {count:>9,}  {bar}".rstrip()


def functions(stacks, most=40, unit="samples"):
    """The functions with the most counted in themselves."""
    total = sum(stacks.values()) or 1
    found = sorted(fold.by_function(stacks).items(), key=lambda item: (-item[1][0], item[0]))
    yield ["function", "kind", "alone", "with callees", unit]
    for frame, (alone, whole) in found[:most]:
        if alone >= total / 1000:
            yield [frame.name[:90], frame.kind, f"{100 * alone / total:.2f} %", f"{100 * whole / total:.2f} %", f"{alone:,}"]
