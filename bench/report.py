#!/usr/bin/env python3
"""Turns what the scripts measured into a table for people and a JSON file that explains itself."""

import datetime
import json
import os
import platform
import statistics
import sys

SERVERS = ("stentord", "sendloop")


def load(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return json.load(file)


def save(path, tmp, result):
    document = {"environment": load(tmp, "environment"), **result}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
    environment = document["environment"]
    print(
        f"\n{environment['version']}, Linux {environment['kernel']}, {environment['cores']} x "
        f"{environment['cpu']}; written to {path}"
    )


def table(head, rows):
    rows = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for i, row in enumerate(rows):
        first = row[0].ljust(widths[0])
        print("  ".join([first] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]).rstrip())
        if i == 0:
            print("  ".join("-" * w for w in widths))


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def environment(version, config):
    text = ""
    if config:
        with open(config, encoding="utf-8") as file:
            text = file.read()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    json.dump(
        {
            "version": version,
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "kernel": platform.release(),
            "cpu": cpu_model(),
            "cores": os.cpu_count(),
            "memory_bytes": pages,
            "configuration": text,
        },
        sys.stdout,
    )


def fanout_run(tmp, run, in_flight):
    """{load: {server: round}} of one run."""
    result = {}
    for server in SERVERS:
        opened = load(tmp, f"{run}-{server}-open.json")["rounds"]
        closed = load(tmp, f"{run}-{server}-closed.json")["rounds"]
        for name, measured in (
            ("2/s", opened[0]),
            ("10/s", opened[1]),
            (f"{in_flight} in flight", closed[0]),
        ):
            del measured["delay_buckets"]  # long, and meant for merging swarms
            result.setdefault(name, {})[server] = measured
    return result


def fanout_cost(measured):
    return measured["server_cpu_per_delivery_ns"] / 1000


def fanout(tmp, runs, in_flight, path):
    runs = [fanout_run(tmp, run + 1, in_flight) for run in range(int(runs))]
    rows, summary = [], {}
    for name in runs[0]:
        costs = {s: [fanout_cost(run[name][s]) for run in runs] for s in SERVERS}
        ratios = [a / b for a, b in zip(costs["stentord"], costs["sendloop"])]
        for i, ratio in enumerate(ratios):
            a, b = (costs[server][i] for server in SERVERS)
            rows.append([name, i + 1, f"{a:.2f}", f"{b:.2f}", f"{ratio:.2f}"])
        medians = {server: statistics.median(costs[server]) for server in SERVERS}
        ratio = statistics.median(ratios)
        rows.append([name, "median", *(f"{medians[s]:.2f}" for s in SERVERS), f"{ratio:.2f}"])
        summary[name] = {
            "cpu_us_per_delivery": medians,
            "ratios": ratios,
            "median_ratio": ratio,
        }
    print("CPU microseconds per delivery:\n")
    table(["load", "run", "stentord", "sendloop", "ratio"], rows)
    save(path, tmp, {"summary": summary, "runs": runs})


def idle(tmp, path):
    rows, result = [], {}
    with open(os.path.join(tmp, "idle.txt"), encoding="ascii") as lines:
        for line in lines:
            protocol, *numbers = line.split()
            few, many, rss_few, rss_many, cpu_ns = map(int, numbers)
            per_client = (rss_many - rss_few) / (many - few)
            per_connect = cpu_ns / 1000 / (many - few)
            result[protocol] = {
                "clients": [few, many],
                "rss": [rss_few, rss_many],
                "bytes_per_client": per_client,
                "cpu_us_per_connect": per_connect,
            }
            megabytes = [f"{rss / 1e6:.1f}" for rss in (rss_few, rss_many)]
            rows.append([protocol, *megabytes, f"{per_client:.0f}", f"{per_connect:.1f}"])
    print(f"{few} and {many} idle clients:\n")
    table(["protocol", "MB few", "MB many", "bytes/client", "CPU us/connect"], rows)
    save(path, tmp, result)


def slow_side(tmp, name):
    side = load(tmp, f"slow-{name}.json")
    side["delay"] = load(tmp, f"swarm-{name}.json")["rounds"][0]["delay_ns"]
    return side


def slow(tmp, path):
    sides = {name: slow_side(tmp, name) for name in ("without", "with")}
    rows = []
    for name, side in sides.items():
        delay = side["delay"]
        side["rss_growth"] = side["rss_peak"] - side["rss_before"]
        rows.append(
            [
                name,
                *(f"{side[key] / 1e6:.1f}" for key in ("published_bytes", "rss_growth")),
                f"{side['journal']['bytes'] / 1e6:.1f}",
                f"{side['kernel_growth'] / 1e6:.1f}",
                *(f"{delay[key] / 1e6:.2f}" for key in ("p50", "p99", "max")),
            ]
        )
    stalled = sides["with"]
    head = ["stopped", "MB sent", "MB growth", "MB journal", "MB kernel", "p50 ms", "p99", "max"]
    print(f"Without and with {stalled['stalled']} clients that stop reading:\n")
    table(head, rows)
    allowed = stalled["journal"]["bytes"] + 10e6
    checks = {
        "memory": stalled["rss_growth"] <= allowed,
        "streams": stalled["verified"] > 0 and not stalled["faults"],
    }
    print(
        f"\nmemory: growth of {stalled['rss_growth'] / 1e6:.1f} MB, allowed {allowed / 1e6:.1f}: "
        f"{'ok' if checks['memory'] else 'TOO MUCH'}\n"
        f"streams: {stalled['verified']} clients read on and got {stalled['messages']} messages "
        f"and {stalled['gaps']} gaps that name {stalled['missed']}: "
        f"{'ok' if checks['streams'] else 'WRONG'}"
    )
    save(path, tmp, {"checks": checks, **sides})
    return all(checks.values())


def spread(buckets):
    mean = sum(buckets) / len(buckets)
    return {
        "pings": sum(buckets),
        "mean": mean,
        "max": max(buckets),
        "max_over_mean": max(buckets) / mean if mean else 0,
    }


def pings(tmp, path):
    measured = load(tmp, "pings.json")
    rows = []
    for name in ("first", "second"):
        measured[name] = spread(measured[f"{name}_interval"])
        part = measured[name]
        numbers = [f"{part['mean']:.1f}", part["max"], f"{part['max_over_mean']:.2f}"]
        rows.append([name, part["pings"], *numbers])
    print(
        f"{measured['clients']} Socket.IO clients: connected in {measured['connecting_s']:.2f} s, "
        f"answered in {measured['handshakes_s']:.2f} s; "
        f"one ping each {measured['ping_interval_s']:g} s\n"
    )
    table(["interval", "pings", "mean/100 ms", "max", "max/mean"], rows)
    save(path, tmp, measured)


def main():
    command, *arguments = sys.argv[1:]
    commands = {
        "environment": environment,
        "fanout": fanout,
        "idle": idle,
        "slow": slow,
        "pings": pings,
    }
    return 1 if commands[command](*arguments) is False else 0


if __name__ == "__main__":
    sys.exit(main())
