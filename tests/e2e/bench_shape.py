"""What a result of millrace-bench must look like, and what must hold in each of them."""

import time

HISTOGRAM = {"unit", "count", "min", "mean", "max", "p50", "p90", "p99", "p999", "p9999", "hdr"}
FLOW = {"requests", "records", "bytes", "errors", "records_per_second", "bytes_per_second", "latency"}
TOP = {"format", "label", "kind", "started", "host", "broker", "configuration", "seconds", "warmup_seconds", "steal_percent",
       "intervals"}
HOST = {"name", "cpus", "cpu_model", "memory_bytes", "kernel", "compiler", "commit", "version"}
INTERVAL = {"at", "produced_records", "produced_bytes", "consumed_records", "consumed_bytes", "errors", "produce_latency",
            "fetch_latency", "end_to_end_latency", "load"}
CONFIGURATION = {"brokers", "topic", "partitions", "replication", "topic_config", "keep", "seconds", "warmup", "run_id", "cores",
                 "server_pid", "start_at", "drain"}
PRODUCING = {"rate", "ramp", "connections", "in_flight", "batch_bytes", "batch_records", "linger_ms", "size", "keys", "acks",
             "compression", "idempotence", "first_producer"}
CONSUMING = {"groups", "consumers", "assign", "from", "fetch_bytes", "fetch_partition_bytes", "fetch_min_bytes", "fetch_wait_ms"}
SEARCHING = {"p99_ms", "steps"}
MERGED = {"processes", "producers"}
PERCENTILES = {"p50_us", "p99_us", "p999_us", "max_us"}
SERVER = {"user_seconds", "system_seconds", "rss_bytes", "written_bytes", "read_bytes"}
CHECKED = ("missing", "duplicates", "out_of_order", "corrupt")


class Wrong(Exception):
    pass


def expect(what, truth):
    if not truth:
        raise Wrong(what)


def keys(what, found, wanted):
    expect(f"{what} has {sorted(set(found) ^ wanted)} too many or too few", set(found) == wanted)


def check_histogram(h):
    from hdrh.histogram import HdrHistogram
    keys("a histogram", h, HISTOGRAM)
    expect("its unit", h["unit"] == "ns")
    theirs = HdrHistogram.decode(h["hdr"].encode())
    expect("three digits up to one hour", (theirs.significant_figures, theirs.highest_trackable_value) == (3, 3_600_000_000_000))
    expect(f"count {h['count']}, hdrhistogram {theirs.get_total_count()}", theirs.get_total_count() == h["count"])
    expect("counts", sum(item.count_at_value_iterated_to for item in theirs.get_recorded_iterator()) == h["count"])
    if not h["count"]:
        return
    for name, percent in (("p50", 50), ("p90", 90), ("p99", 99), ("p999", 99.9), ("p9999", 99.99)):
        expect(f"{name} {h[name]}, hdrhistogram {theirs.get_value_at_percentile(percent)}",
               theirs.get_value_at_percentile(percent) == h[name])
    expect(f"min {h['min']}, hdrhistogram {theirs.get_min_value()}", theirs.get_min_value() == h["min"])
    expect(f"max {h['max']}, hdrhistogram {theirs.get_max_value()}", theirs.get_max_value() == h["max"])
    expect("mean", abs(theirs.get_mean_value() - h["mean"]) <= h["mean"] * 1e-6 + 1)


def check_flow(flow, name, verified):
    keys(name, flow, FLOW | ({"verified", "unread"} if verified else set()))
    expect(f"{name}: nothing", flow["records"] > 0 and flow["bytes"] > 0 and flow["requests"] > 0)
    expect(f"{name}: errors", flow["errors"] == 0)
    check_histogram(flow["latency"])


def check_shape(result, kind):
    produces, consumes = kind != "consume", kind in ("consume", "e2e", "mixed")
    wanted = TOP | ({"produce"} if produces else set()) | ({"consume"} if consumes else set())
    wanted |= {"end_to_end"} if produces and consumes else set()
    wanted |= {"search"} if kind == "search" else set()
    keys("the result", set(result) - {"server_cpu_seconds", "server_cpu_seconds_per_gb"}, wanted)
    expect("its format and kind", (result["format"], result["kind"]) == ("millrace-bench 1", kind))
    keys("host", result["host"], HOST)
    wanted = CONFIGURATION | (PRODUCING if produces else set()) | (CONSUMING if consumes else set())
    keys("configuration", set(result["configuration"]) - MERGED, wanted | (SEARCHING if kind == "search" else set()))
    keys("broker", result["broker"], {"addresses", "cluster_id", "nodes"})
    time.strptime(result["started"], "%Y-%m-%dT%H:%M:%SZ")
    if produces:
        check_flow(result["produce"], "produce", False)
    if consumes:
        check_flow(result["consume"], "consume", True)
        keys("verified", result["consume"]["verified"], {"records", *CHECKED})
    if produces and consumes:
        check_histogram(result["end_to_end"]["latency"])
    for interval in result["intervals"]:
        with_server = "server_cpu_seconds" in result
        keys("an interval", interval, INTERVAL | {"server"} if with_server else INTERVAL)
        if with_server:
            keys("server", interval["server"], SERVER)
        for latency in ("produce_latency", "fetch_latency", "end_to_end_latency"):
            keys(latency, interval[latency], PERCENTILES)
    check_intervals(result, (["produced"] if produces else []) + (["consumed"] if consumes else []))


def check_intervals(result, flows):
    """They are the window, in whole seconds but for the last: what they hold is what it holds, but for
    what a core counts while it hands a second in."""
    ends = [interval["at"] for interval in result["intervals"]]
    expect(f"whole seconds: {ends}", all(abs(end - number - 1) < 1e-6 for number, end in enumerate(ends[:-1])))
    expect(f"{result['seconds']} s end at {ends[-1:]}", not ends or result["seconds"] - ends[-1] < 0.11)
    if result["kind"] == "search" or not ends or result["seconds"] - ends[-1] > 1e-6:
        return
    for flow in flows:
        whole = result["produce" if flow == "produced" else "consume"]["records"]
        parts = sum(interval[f"{flow}_records"] for interval in result["intervals"])
        expect(f"{whole} records {flow}, {parts} in seconds", abs(whole - parts) <= 0.1 * whole + 5)


def good(result):
    checked = result["consume"]["verified"]
    expect(f"verified {checked}", checked["records"] > 0 and not any(checked[name] for name in CHECKED))
