#!/usr/bin/env bash
# Directed messages between many clients: delay beside that of a few, processor time, and the same
# with broadcasts at the same time. See bench/README.md.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh sets some variables, and reads others
set -euo pipefail
. "$(dirname "$0")/lib.sh"

clients=19000
few=10
members=10000
rate=10
interval=5000
seconds=180
output=directed.json

usage() {
    cat >&2 <<EOF
usage: bench/directed.sh [-b BUILD] [-c CLIENTS] [-f FEW] [-m MEMBERS] [-r RATE] [-i MS]
                         [-s SECONDS] [-o RESULT.json]
  -b  directory of the build (default: the current one)
  -c  connected clients (default $clients)
  -f  those of them that send in the run to compare with (default $few)
  -m  those that get broadcasts in the last run (default $members)
  -r  broadcasts per second in the last run (default $rate)
  -i  milliseconds between two messages of one client (default $interval)
  -s  seconds that the run with all of them lasts, the first a third of it, the last a sixth (default $seconds)
  -o  where the result goes as JSON (default $output)
EOF
    exit 2
}

while getopts b:c:f:m:r:i:s:o:h option; do
    case $option in
    b) bench_build=$OPTARG ;;
    c) clients=$OPTARG ;;
    f) few=$OPTARG ;;
    m) members=$OPTARG ;;
    r) rate=$OPTARG ;;
    i) interval=$OPTARG ;;
    s) seconds=$OPTARG ;;
    o) output=$OPTARG ;;
    *) usage ;;
    esac
done
[[ $OPTIND -gt $# && $clients -gt $members && $clients -ge $few ]] || usage

bench_raise_files $((clients + 100))
program=$(bench_program bench/directed)

# Adds the server's share of a core to a result.
add_cpu='
import json, sys
result = json.load(open(sys.argv[1]))
result["server_cpu"] = round(int(sys.argv[2]) / 1e9 / float(sys.argv[3]), 4)
json.dump(result, sys.stdout)
'

# begin NAME FD SECONDS OPTION...: connects clients, which begin with a line on descriptor FD; sets
# pid.
begin() {
    local name=$1 fd=$2 lasts=$3
    shift 3

    mkfifo "$bench_tmp/$name.begin"
    : >"$bench_tmp/$name.log"
    "$program" -i "$interval" -s "$lasts" -p "$bench_admin" "$@" "$bench_clients" \
        <"$bench_tmp/$name.begin" >"$bench_tmp/$name.raw" 2>"$bench_tmp/$name.log" &
    pid=$!
    eval "exec $fd>\"\$bench_tmp/\$name.begin\""
    until grep -q connected "$bench_tmp/$name.log"; do
        kill -0 "$pid" 2>/dev/null || bench_die "the clients failed: $(cat "$bench_tmp/$name.log")"
        sleep 0.1
    done
}

# measure NAME SECONDS OPTION...: writes $bench_tmp/NAME.json. With `hear` set, so many further
# clients of another process only hear broadcasts: what these cost there delays nothing here.
measure() {
    local name=$1 lasts=$2 server before after pid hearer
    shift 2

    bench_start_stentord "server-$name" 'client_send = true;'
    server=$bench_pid
    if [[ $hear -gt 0 ]]; then
        begin "$name-hear" 4 "$lasts" -c "$hear" -m "$hear" -a 0
        hearer=$pid
    fi
    begin "$name" 3 "$lasts" "$@"
    sleep 2
    [[ $hear -eq 0 ]] || echo >&4
    before=$(bench_cpu_ns "$server")
    echo >&3
    sleep "$lasts"
    after=$(bench_cpu_ns "$server")
    wait "$pid" || bench_die "the clients failed: $(cat "$bench_tmp/$name.log")"
    exec 3>&-
    if [[ $hear -gt 0 ]]; then
        wait "$hearer"
        exec 4>&-
        bench_note "$name: heard: $(cat "$bench_tmp/$name-hear.raw")"
    fi
    bench_stop "$server"
    python3 -c "$add_cpu" "$bench_tmp/$name.raw" "$((after - before))" "$lasts" \
        >"$bench_tmp/$name.json"
    bench_note "$name: $(cat "$bench_tmp/$name.json")"
}

hear=0
measure few $((seconds / 3)) -c "$clients" -a "$few" -n
measure all "$seconds" -c "$clients" -a "$clients"
hear=$members
measure broadcasts $((seconds / 6)) -c $((clients - members)) -a $((clients - members)) -r "$rate"

bench_environment >"$bench_tmp/environment.json"
summarise='
import json, sys
load = lambda name: json.load(open(f"{sys.argv[1]}/{name}.json"))
runs = {name: load(name) for name in ("few", "all", "broadcasts")}
per_second = runs["all"]["sent"] / runs["all"]["seconds"]
json.dump({
    "environment": load("environment"),
    "runs": runs,
    "p99_all_to_few": round(runs["all"]["p99_ms"] / runs["few"]["p99_ms"], 2),
    "server_us_per_message": round(runs["all"]["server_cpu"] / per_second * 1e6, 2),
}, sys.stdout, indent=1)
print()
'
python3 -c "$summarise" "$bench_tmp" >"$output"
bench_note "the result is in $output"
