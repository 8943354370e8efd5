"""Sums up what tls.sh has measured: tls.py DIRECTORY RESULT.json."""

import json
import statistics
import sys

WANTED = [
    ("delivery", "tls", "pair", 0.5, "CPU per delivery, TLS by hitch and stentord"),
    ("delivery", "tls", "plain", 1.5, "CPU per delivery, TLS by plain"),
    ("memory", "tls", "pair", 0.3, "memory per idle client, TLS by hitch and stentord"),
    ("handshake", "tls", "nginx", 1.0, "CPU per full handshake, by nginx's"),
    ("handshake", "tls", "pair", 1.0, "CPU per full handshake, by hitch and stentord"),
    ("storm", "storm", "calm", 2.0, "p99 delay during a storm of handshakes, by that without"),
]

UNITS = {"delivery": "us", "handshake": "us", "memory": "bytes", "storm": "ms"}


def collect(directory):
    """Lists of values by (what, kind): microseconds per unit of work, bytes per client, ms."""
    values = {}
    with open(f"{directory}/results", encoding="ascii") as lines:
        for line in lines:
            what, kind, *numbers = line.split()
            cpu, work, rss, clients = map(int, numbers)
            values.setdefault((what, kind), []).append(cpu / work / 1000)
            if clients:
                values.setdefault(("memory", kind), []).append(rss / clients)
    with open(f"{directory}/storms", encoding="ascii") as lines:
        for line in lines:
            what, kind, result = line.split(maxsplit=2)
            values.setdefault((what, kind), []).append(json.loads(result)["delay_p99_ms"])
    return values


def ratio(values, what, kind, other):
    ours, theirs = values.get((what, kind)), values.get((what, other))
    if not ours or not theirs:
        return None
    return statistics.median(a / b for a, b in zip(ours, theirs))


def main():
    directory, output = sys.argv[1:]
    values = collect(directory)
    for (what, kind), numbers in sorted(values.items()):
        runs = " ".join(f"{number:.2f}" for number in numbers)
        print(f"{what:<10} {kind:<6} {statistics.median(numbers):10.2f} {UNITS[what]:<6} ({runs})")
    ratios = []
    for what, kind, other, wanted, text in WANTED:
        quotient = ratio(values, what, kind, other)
        if quotient is None:
            continue
        ratios.append({"what": text, "ratio": quotient, "wanted": wanted})
        print(f"{text}: {quotient:.2f} (wanted: {wanted} at most)")
    with open(f"{directory}/environment", encoding="utf-8") as file:
        environment = json.load(file)
    with open(output, "w", encoding="utf-8") as file:
        result = {f"{what} {kind}": numbers for (what, kind), numbers in values.items()}
        json.dump({"environment": environment, "values": result, "ratios": ratios}, file, indent=1)
        file.write("\n")
    sys.exit(any(entry["ratio"] > entry["wanted"] for entry in ratios))


main()
