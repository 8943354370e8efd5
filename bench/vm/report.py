#!/usr/bin/env python3
"""Reads what bench/vm.sh collected in the guests: a table for people, and JSON."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from report import load, save, table  # noqa: E402

PAGE = 4096
UNITS = {"": 1, "s": 1, "ms": 1e-3, "us": 1e-6, "m": 60, "h": 3600}


def seconds(text):
    number, unit = re.fullmatch(r"([0-9.]+)([a-z]*)", text).groups()
    return float(number) * UNITS[unit]


def plan(rounds):
    """How many messages rounds come to, and how many seconds."""
    messages = total = 0
    for part in rounds.split(",") if rounds != "none" else ():
        interval, _, duration = part.partition(":")
        interval, duration = seconds(interval), seconds(duration or "10s")
        messages += max(1, int(duration / interval + 1e-9))
        total += duration
    print(messages, int(total) + 1)


def sections(path):
    """{file of /proc: its lines}"""
    result, lines = {}, []
    with open(path, encoding="ascii") as file:
        for line in file:
            if line.startswith("@file "):
                lines = result.setdefault(line.split()[1], [])
            elif line.strip():
                lines.append(line.split())
    return result


def slabs(lines):
    """{cache: bytes of its pages}"""
    result = {}
    for line in lines:
        if not line[0].startswith("#") and line[0] != "slabinfo":
            result[line[0]] = int(line[14]) * int(line[5]) * PAGE
    return result


def sample(tmp, name):
    path = os.path.join(tmp, name + ".sample")
    if not os.path.exists(path):
        return None
    files = sections(path)
    memory = {line[0].rstrip(":"): int(line[1]) * 1024 for line in files["meminfo"]}
    process = {line[0].rstrip(":"): line[1] for line in files["smaps_rollup"]}
    sockets = next(line for line in files["sockstat"] if line[0] == "TCP:")
    cached = memory["Cached"] + memory["Buffers"] + memory["SwapCached"]
    return {
        "uptime_s": float(files["uptime"][0][0]),
        "cpu_ns": sum(int(line[0]) for line in files["schedstat"]),
        "rss_bytes": int(process["Rss"]) * 1024,
        "anonymous_bytes": int(process["Anonymous"]) * 1024,
        "connections": int(sockets[2]),
        "socket_buffers_bytes": int(sockets[10]) * PAGE,
        "guest_free_bytes": memory["MemFree"],
        "guest_total_bytes": memory["MemTotal"],
        "kernel_bytes": memory["MemTotal"] - memory["MemFree"] - memory["AnonPages"] - cached,
        "slab_bytes": memory["Slab"],
        "page_tables_bytes": memory["PageTables"],
        "slabs_bytes": slabs(files["slabinfo"]),
    }


def growth(before, after, key, clients):
    return (after[key] - before[key]) / clients


def words(tmp, name):
    """The words of each line; nothing when there is no such file."""
    path = os.path.join(tmp, name)
    if not os.path.exists(path):
        return []
    with open(path, encoding="ascii") as file:
        return [line.split() for line in file]


def drain(left_at):
    """How long the server took to end, and how evenly its connections did."""
    pairs = list(zip(left_at, left_at[1:-1]))
    rates = [(was - now) / (later - at) for (at, was), (later, now) in pairs]
    busy = [rate for rate in rates if rate > 0]
    return {
        "seconds": left_at[-1][0],
        "left_at": left_at,
        "fullest_by_mean": max(busy) * len(busy) / sum(busy) if busy else None,
    }


def wave(tmp, name, start):
    """What one wave of clients cost."""
    swarm = load(tmp, name + ".json")
    idle, rested, asked, served, left = (
        sample(tmp, f"{name}-{phase}") for phase in ("idle", "rested", "asked", "served", "left")
    )
    result = {"swarm": swarm, "samples": {"idle": idle, "served": served, "left": left}}
    result["answers"] = {
        what: {"seconds": float(time), "bytes": int(size)}
        for what, time, size in words(tmp, name + ".answers")
    }
    if left_at := [(float(time), int(count)) for time, count in words(tmp, name + ".drain")]:
        result["drain"] = drain(left_at)
    for part in swarm["rounds"]:
        part.pop("delay_buckets", None)  # long, and meant for merging swarms
    if idle is None or rested is None:
        return result
    clients = swarm["connects"]["connected"]
    delivered = swarm["totals"]["delivered"] + swarm["directed"]["delivered"]
    rest = rested["uptime_s"] - idle["uptime_s"]
    idle_cpu = (rested["cpu_ns"] - idle["cpu_ns"]) / rest
    result |= {
        "clients": clients,
        "user_bytes_per_client": growth(start, idle, "rss_bytes", clients),
        "kernel_bytes_per_client": growth(start, idle, "kernel_bytes", clients),
        "slab_bytes_per_client": growth(start, idle, "slab_bytes", clients),
        "slabs_bytes_per_client": {
            cache: round(size, 1)
            for cache, size in sorted(
                (
                    (cache, (pages - start["slabs_bytes"].get(cache, 0)) / clients)
                    for cache, pages in idle["slabs_bytes"].items()
                ),
                key=lambda item: -item[1],
            )
            if size >= 2
        },
        "idle_cpu": idle_cpu / 1e9,
    }
    if left is not None:
        result["rss_left_by_start"] = left["rss_bytes"] / start["rss_bytes"]
    if delivered > 0 and served is not None:
        before = asked or rested
        busy = served["cpu_ns"] - before["cpu_ns"]
        result["cpu_per_delivery_ns"] = busy / delivered
        spent = busy - idle_cpu * (served["uptime_s"] - before["uptime_s"])
        result["cpu_per_delivery_without_idling_ns"] = spent / delivered
    return result


def mb(size):
    return f"{size / 1e6:.1f}"


def per_client(result, key):
    return f"{result[key]:.0f}" if key in result else "-"


def microseconds(result, key):
    return f"{result[key] / 1000:.1f}" if key in result else "-"


def show(waves, start):
    print("Memory of the server's guest:\n")
    rows = [["nobody", "", mb(start["rss_bytes"]), "", "", mb(start["guest_free_bytes"])]]
    for name, result in waves.items():
        for phase, at in result["samples"].items():
            if at is None:
                continue
            row = [f"{name}, {phase}", at["connections"], mb(at["rss_bytes"]), "", ""]
            if phase == "idle":
                row[3:] = (
                    per_client(result, "user_bytes_per_client"),
                    per_client(result, "kernel_bytes_per_client"),
                )
            rows.append([*row, mb(at["guest_free_bytes"])])
    table(
        ["", "TCP", "RSS MB", "user B/client", "kernel B/client", "guest's free MB"],
        rows,
    )
    print("\nKernel memory per client by slab:\n")
    last = list(waves.values())[-1]
    slabs_of = [result.get("slabs_bytes_per_client", {}) for result in waves.values()]
    table(
        ["", *waves],
        [
            [cache, *(f"{slabs.get(cache, 0):.0f}" for slabs in slabs_of)]
            for cache in last.get("slabs_bytes_per_client", {})
        ],
    )
    print("\nWork:\n")
    rows = []
    for name, result in waves.items():
        swarm, totals = result["swarm"], result["swarm"]["totals"]
        rows.append(
            [
                name,
                f"{swarm['connects']['connected']} of {swarm['options']['clients']}",
                swarm["disconnects"]["total"],
                totals["delivered"],
                totals["lost"],
                totals["duplicated"],
                totals["out_of_order"],
                f"{result.get('idle_cpu', 0) * 100:.1f}",
                microseconds(result, "cpu_per_delivery_ns"),
                microseconds(result, "cpu_per_delivery_without_idling_ns"),
            ]
        )
    table(
        [
            "",
            "connected",
            "cut off",
            "delivered",
            "lost",
            "twice",
            "disordered",
            "idle CPU %",
            "us/delivery",
            "without idling",
        ],
        rows,
    )


def show_directed(waves):
    rows = []
    for name, result in waves.items():
        directed = result["swarm"]["directed"]
        if directed["sent"] > 0:
            counts = ("sent", "delivered", "refused", "lost", "duplicated", "misdelivered")
            delays = (f"{directed['delay_ns'][key] / 1e6:.1f}" for key in ("p50", "p99"))
            rows.append([name, *(directed[key] for key in counts), *delays])
    if rows:
        print("\nFrom client to client:\n")
        table(
            ["", "sent", "delivered", "refused", "lost", "twice", "astray", "p50 ms", "p99 ms"],
            rows,
        )


def show_operation(waves):
    rows = [
        [name, what, f"{answer['seconds']:.2f}", f"{answer['bytes'] / 1e6:.2f}"]
        for name, result in waves.items()
        for what, answer in result["answers"].items()
    ]
    print("\nWhat operators ask for:\n")
    table(["", "", "seconds", "MB"], rows)
    for result in waves.values():
        if "drain" in result:
            print(
                f"\nDrained within {result['drain']['seconds']:.1f} s; in the fullest second "
                f"{result['drain']['fullest_by_mean']:.2f} times as many left as in the mean one."
            )


def is_good(result):
    """Everybody got everything; where the server drained, everybody was there, and told."""
    swarm = result["swarm"]
    if "drain" not in result:
        return swarm["passed"]
    clients = swarm["options"]["clients"]
    told = sum(count for cause, count in swarm["disconnects"]["causes"].items() if "shutting" in cause)
    return swarm["connects"]["connected"] == told == clients


def report(tmp, path, transport, accel, server_mb, client_mb, ping):
    start = sample(tmp, "start")
    names = [
        name
        for name in ("few", "many", "sendloop-few", "sendloop-many")
        if os.path.exists(os.path.join(tmp, name + ".json"))
    ]
    waves = {
        name: wave(tmp, name, sample(tmp, "sendloop-start") if "sendloop" in name else start)
        for name in names
    }
    with open(os.path.join(tmp, "kernel"), encoding="ascii") as file:
        kernel, clock = file.read().split()
    print(f"\nLinux {kernel} in guests run by {accel}, {transport}, a heartbeat every {ping} s\n")
    show(waves, start)
    show_directed(waves)
    show_operation(waves)
    guest = {
        "accel": accel,
        "kernel": kernel,
        "clock": clock,
        "server_mb": int(server_mb),
        "client_mb": int(client_mb),
        "ping_seconds": int(ping),
    }
    save(path, tmp, {"transport": transport, "guest": guest, "start": start, "waves": waves})
    good = all(is_good(result) for name, result in waves.items() if "sendloop" not in name)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    {"plan": plan, "report": report}[sys.argv[1]](*sys.argv[2:])
