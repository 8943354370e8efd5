#!/usr/bin/env bash
# Drains a server with many Socket.IO clients, which it hands over to another that takes its port:
# when they leave, when they are back, how many come per second, and what they got. See
# bench/README.md.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh sets some variables, and reads others
set -euo pipefail
. "$(dirname "$0")/lib.sh"

clients=10000
seconds=30
processes=8
output=drain.json

usage() {
    cat >&2 <<EOF
usage: bench/drain.sh [-b BUILD] [-c CLIENTS] [-p PROCESSES] [-t DRAIN_SECONDS] [-o RESULT.json]
  -b  directory of the build (default: the current one)
  -c  clients (default $clients)
  -p  processes of Node that they are divided among (default $processes)
  -t  seconds that the server drains (default $seconds)
  -o  where the result goes as JSON (default $output)
EOF
    exit 2
}

while getopts b:c:p:t:o:h option; do
    case $option in
    b) bench_build=$OPTARG ;;
    c) clients=$OPTARG ;;
    p) processes=$OPTARG ;;
    t) seconds=$OPTARG ;;
    o) output=$OPTARG ;;
    *) usage ;;
    esac
done
[[ $OPTIND -gt $# ]] || usage

bench_raise_files $((clients * 3 / 2 + 100))
bench_start_stentord second "recovery_time = 120;"
second_admin=$bench_admin
bench_start_stentord first "recovery_time = 120; drain_time = $seconds; \
successor = \"http://$second_admin\";"
first=$bench_pid first_clients=$bench_clients first_admin=$bench_admin

nodes=() inputs=()
for ((i = 0; i < processes; i++)); do
    mkfifo "$bench_tmp/in$i"
    node "$bench_dir/drain.mjs" "http://$first_clients" \
        $((clients / processes + (i < clients % processes))) \
        <"$bench_tmp/in$i" >"$bench_tmp/node$i.log" 2>&1 &
    nodes+=("$!")
    bench_pids+=("$!")
    exec {input}>"$bench_tmp/in$i"
    inputs+=("$input")
done
bench_wait_clients "$first_admin" "$clients" 120

# A message to both servers, with the same number, again and again: what is published must reach
# every client, by one of them.
publish() {
    local n=0 seq server

    while [[ ! -e $bench_tmp/enough ]]; do
        seq=$(date +%s%6N)
        for server in "$first_admin" "$second_admin"; do
            curl -s -o /dev/null -d "$n" "http://$server/publish/*/n?seq=$seq" || true
        done
        echo "$n" >"$bench_tmp/published"
        n=$((n + 1))
        sleep 0.2
    done
}
publish &
publisher=$!
bench_pids+=("$publisher")
sleep 2

# What the server itself counts, four times a second, for as long as it answers: ms, clients.
python3 - "http://$first_admin/status.json" >"$bench_tmp/counted" <<EOF &
import json, sys, time, urllib.request
try:
    while True:
        with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:
            print(int(time.time() * 1000), json.load(answer)["clients"], flush=True)
        time.sleep(0.25)
except OSError:
    pass
EOF
counter=$!
bench_pids+=("$counter")

begun=$(date +%s%3N)
kill -TERM "$first"
bench_wait_line first "$first" "no longer on $first_clients"
sed "s|^listeners = (|&\n    { address = \"${first_clients%:*}\"; port = ${first_clients##*:}; },|" \
    "$bench_tmp/second.conf" >"$bench_tmp/second.new"
cat "$bench_tmp/second.new" >"$bench_tmp/second.conf"
curl -fsS -X POST "http://$second_admin/reload" >/dev/null
wait "$first" || bench_die "the first server did not end well"
ended=$(date +%s%3N)
sleep 10
touch "$bench_tmp/enough"
wait "$publisher"
sleep 2
bench_stop "$counter"
for input in "${inputs[@]}"; do
    exec {input}>&-
done
wait "${nodes[@]}"
bench_environment "$bench_tmp/first.conf" >"$bench_tmp/environment"
python3 - "$bench_tmp" "$output" <<EOF
import bisect, json, sys
from collections import Counter
directory, output = sys.argv[1:]
clients, lag = [], []
for i in range($processes):
    result = json.loads(open(f"{directory}/node{i}.log").read().split("connected\n", 1)[1])
    clients += result["clients"]
    lag.append(result["lag_ms"])
back = sorted(client["back"] - $begun for client in clients if client["back"])
left = sorted(client["left"] - $begun for client in clients if client["left"])
def per_second(times):
    """By the mean while they come, and in the fullest second, wherever it begins."""
    fullest = max(bisect.bisect_left(times, ms + 1000) - i for i, ms in enumerate(times))
    mean = len(times) * 1000 / (times[-1] - times[0])
    return {"mean": round(mean, 1), "max": fullest, "max_over_mean": round(fullest / mean, 2)}
published = int(open(f"{directory}/published").read())
counted = [tuple(map(int, line.split())) for line in open(f"{directory}/counted")]
counted = [(ms - $begun, count) for ms, count in counted if ms >= $begun]
def fullest_counted(counted):
    """The same by the server, between two counts about a second apart."""
    pairs = ((a, b) for i, a in enumerate(counted) for b in counted[i + 1:i + 6]
             if b[0] - a[0] >= 900)
    return round(max((a[1] - b[1]) * 1000 / (b[0] - a[0]) for a, b in pairs), 1)
result = {
    "environment": json.load(open(f"{directory}/environment")), "drain_seconds": $seconds,
    "clients": len(clients), "left": len(left), "back": len(back),
    "first_ended_ms": $ended - $begun,
    "left_ms": {"first": left[0], "half": left[len(left) // 2], "last": left[-1]},
    "back_ms": {"first": back[0], "half": back[len(back) // 2], "last": back[-1]},
    "leaves_per_second": per_second(left), "returns_per_second": per_second(back),
    "leaves_per_second_max_by_the_server": fullest_counted(counted), "node_lag_ms": lag,
    "published": published + 1, "recovered": sum(bool(client["recovered"]) for client in clients),
    "holes_or_doubles": sum(client["holes"] for client in clients),
    "without_the_last_message": sum(client["last"] != published for client in clients),
    "reasons": Counter(client["reason"] for client in clients if "reason" in client),
}
json.dump(result, open(output, "w"), indent=2)
del result["environment"]
print(json.dumps(result, indent=2))
EOF
