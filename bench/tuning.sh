#!/usr/bin/env bash
# What does an option do that one might turn? Two servers that differ in it take turns with the same
# audience. The results stand in doc/tuning.md.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh sets some variables, and reads others
set -euo pipefail
. "$(dirname "$0")/lib.sh"

clients=4000
runs=3

# The setting that is the default, the one to compare it with, and what the swarm does meanwhile.
names=(io_threads listen_backlog ping_interval recovery_time tcp_nodelay)
declare -A ordinary=(
    [io_threads]='io_threads = 2' [listen_backlog]='listen_backlog = 4096'
    [ping_interval]='ping_interval = 25000' [recovery_time]='recovery_time = 0'
    [tcp_nodelay]='tcp_nodelay = true'
)
declare -A turned=(
    [io_threads]='io_threads = 1' [listen_backlog]='listen_backlog = 16'
    [ping_interval]='ping_interval = 5000' [recovery_time]='recovery_time = 120'
    [tcp_nodelay]='tcp_nodelay = false'
)
declare -A audience=(
    [io_threads]='--in-flight 8 --rounds 1s:2s'
    [listen_backlog]='--ramp 0.2 --rounds 1s:1s'
    [ping_interval]='--transports polling --idle 5 --rounds 1s:1s'
    [recovery_time]='--transports socketio --rounds 0.5s:3s'
    [tcp_nodelay]='--rounds 20ms:2s -c 400'
)

usage() {
    cat >&2 <<EOF
usage: bench/tuning.sh [-b BUILD] [-c CLIENTS] [-n RUNS] [NAME...]
  -b    directory of the build (default: the current one)
  -c    clients (default $clients)
  -n    runs of each setting, of which the medians count (default $runs)
  NAME  options to measure (default: ${names[*]})
EOF
    exit 2
}

while getopts b:c:n:h option; do
    case $option in
    b) bench_build=$OPTARG ;;
    c) clients=$OPTARG ;;
    n) runs=$OPTARG ;;
    *) usage ;;
    esac
done
shift $((OPTIND - 1))
[[ $# -eq 0 ]] || names=("$@")
bench_raise_files $((clients + 100))

# measure NAME SETTING NUMBER: one run; its report is left in $bench_tmp.
measure() {
    local name=$1 setting=$2 report="$bench_tmp/$1.$2.$3.json" words

    bench_start_stentord stentord "$setting;"
    read -ra words <<<"--clients $clients --ramp 1 --idle 0 ${audience[$name]}"
    "$(bench_program stentor-swarm)" --quiet --pid "$bench_pid" --json "$report" "${words[@]}" \
        --publish-url "http://$bench_admin" "http://$bench_clients" >"$bench_tmp/swarm.log" ||
        bench_note "$setting: $(grep Result "$bench_tmp/swarm.log")"
    bench_stop "$bench_pid"
}

# Prints the medians over the runs of one setting.
show() {
    python3 - "$1" "$bench_tmp/$2.$1."*.json <<'EOF'
import json
import statistics
import sys

setting, *files = sys.argv[1:]
reports = [json.load(open(file)) for file in files]


def median(value):
    return statistics.median(value(report) for report in reports)


def rounds(report):
    return report["rounds"][0]


print(f"{setting:24}"
      f"{median(lambda r: r['connects']['delay_ns']['p99'] / 1e6):10.1f}"
      f"{median(lambda r: 100 * r['idle']['server_cpu_share'] if r['idle'] else 0):10.2f}"
      f"{median(lambda r: rounds(r)['server_cpu_ns'] / rounds(r)['delivered'] / 1e3):10.2f}"
      f"{median(lambda r: rounds(r)['delivered'] / rounds(r)['seconds']):12.0f}"
      f"{median(lambda r: rounds(r)['delay_ns']['p50'] / 1e6):10.2f}"
      f"{median(lambda r: rounds(r)['delay_ns']['p99'] / 1e6):10.2f}")
EOF
}

printf '%-24s%10s%10s%10s%12s%10s%10s\n' setting 'conn p99' 'idle %' 'us/dlvry' 'dlvrys/s' 'p50 ms' 'p99 ms'
for name in "${names[@]}"; do
    for number in $(seq "$runs"); do
        measure "$name" "${ordinary[$name]}" "$number"
        measure "$name" "${turned[$name]}" "$number"
    done
    show "${ordinary[$name]}" "$name"
    show "${turned[$name]}" "$name"
done
