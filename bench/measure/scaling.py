"""How the rate grows with the cores: server and loads together on one, two, four and more of them."""

from measure.brokers import Millrace
from measure.further import Load, repeated, say

LISTENERS = {"one listener": (), "a listener for each core": ("core_listeners.enable=true",)}
CONNECTIONS = 16           # of each load
TWO_CORES = 1.7            # asked of them, against one


def scaling(setup, repeats):
    """Two loads on one core and on two, then one for each core; small requests and many of them, so that the processor is what
    there is too little of. Once with one listener, where requests are handed to the core that owns the partition, and once with
    a listener for each core, where clients go there themselves."""
    sizes = powers_of_two(len(setup.cores))
    found = repeated("scaling", repeats, curve, setup, sizes)
    first = setup.cores[0]
    said = [say(f"core {first}, server and loads on it, {work(1)}, k requests/s", [rate(run[1, ""]) / 1e3 for run in found],
                repeats, runs=[line for run in found for line in run[1, ""]])]
    for size in sizes[1:]:
        title = f"cores {', '.join(map(str, setup.cores[:size]))} against core {first}, server and loads on all, {work(size)}"
        for name in LISTENERS:
            said.append(say(f"{title}, {name}", [rate(run[size, name]) / rate(run[1, ""]) for run in found], repeats,
                            TWO_CORES if size == 2 else None, runs=[line for run in found for line in run[size, name]]))
    return all(said)


def powers_of_two(most):
    return [1 << i for i in range(most.bit_length()) if 1 << i <= most]


def curve(setup, sizes):
    """{(cores, listeners): the lines of the loads}."""
    lines = {(1, ""): loads_on(setup, 1, ())}
    for size in sizes[1:]:
        for name, settings in LISTENERS.items():
            lines[size, name] = loads_on(setup, size, settings)
    return lines


def loads_on(setup, size, settings):
    """The lines of the loads on a broker, all of them on the first `size` cores."""
    cores = setup.cores[:size]
    words = (f"produce --connections {CONNECTIONS} --in-flight 128 --partitions {partitions(size)} --messages-per-batch 1 "
             f"--message-bytes 100")
    with Millrace(setup).started(cores=cores, settings=settings) as broker:
        load = Load(broker, setup)
        running = [load.start(words, "scaling", cpu=cores[i % size]) for i in range(loads(size))]
        return [one.line() for one in running]


def loads(size):
    return max(2, size)


def partitions(size):
    """Several for each core."""
    return max(16, 4 * size)


def work(size):
    return f"1 x 100 B, {loads(size) * CONNECTIONS} x 128, {partitions(size)} partitions"


def rate(lines):
    """Requests a second of all loads."""
    return sum(line["requests_per_s"] for line in lines)
