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
servers=5
what=few,all,broadcasts
separate=false
output=directed.json

usage() {
    cat >&2 <<EOF
usage: bench/directed.sh [-b BUILD] [-w WHAT] [-c CLIENTS] [-f FEW] [-m MEMBERS] [-r RATE]
                         [-n SERVERS] [-i MS] [-s SECONDS] [-S] [-o RESULT.json]
  -b  directory of the build (default: the current one)
  -w  which runs, with commas between them (default $what; there is many, too)
  -c  connected clients of a server (default $clients)
  -f  those of them that send in the run to compare with (default $few)
  -m  those that get broadcasts in that run (default $members)
  -r  broadcasts per second in that run (default $rate)
  -n  servers of the run with many, each with its clients (default $servers)
  -i  milliseconds between two messages of one client, of many twice that (default $interval)
  -s  seconds that a run lasts; that with broadcasts and that with many a third (default $seconds)
  -S  separate: servers on the first half of the processors, clients on the others, and both with
      real-time priority, so that nothing delays them but they themselves
  -o  where the result goes as JSON (default $output)
EOF
    exit 2
}

while getopts b:w:c:f:m:r:n:i:s:So:h option; do
    case $option in
    b) bench_build=$OPTARG ;;
    w) what=$OPTARG ;;
    c) clients=$OPTARG ;;
    f) few=$OPTARG ;;
    m) members=$OPTARG ;;
    r) rate=$OPTARG ;;
    n) servers=$OPTARG ;;
    i) interval=$OPTARG ;;
    s) seconds=$OPTARG ;;
    S) separate=true ;;
    o) output=$OPTARG ;;
    *) usage ;;
    esac
done
[[ $OPTIND -gt $# && $clients -gt $members && $clients -ge $few ]] || usage
[[ $what =~ ^(few|all|broadcasts|many)(,(few|all|broadcasts|many))*$ ]] || usage

bench_raise_files $((clients + 100))
program=$(bench_program bench/directed)
half=$(($(nproc) > 1 ? $(nproc) / 2 : 1))
on_clients=()
! $separate || on_clients=(chrt --fifo 1 taskset -c "$half-$(($(nproc) - 1))")

# set_apart PID: all threads of a server.
set_apart() {
    taskset -acp "0-$((half - 1))" "$1" >/dev/null
    chrt --all-tasks --fifo -p 1 "$1" || bench_die "-S needs the right to real-time priority"
}

# Puts the results of some servers' clients together, and adds the servers' share of a core. Of
# delays, the worst.
merge='
import json, sys
results = [json.load(open(path)) for path in sys.argv[3:]]
merged = dict(results[0], servers=len(results))
for key in ("clients", "active", "sent", "acks", "errors", "lost", "doubled", "wrong", "published",
            "broadcasts"):
    merged[key] = sum(result[key] for result in results)
for key in merged:
    if key.endswith("_ms") and key != "interval_ms":
        merged[key] = max(result[key] for result in results)
merged["server_cpu"] = round(int(sys.argv[1]) / 1e9 / float(sys.argv[2]), 4)
json.dump(merged, sys.stdout)
'

# begin NAME SECONDS OPTION...: connects clients, which begin when there is a line on the descriptor
# that is put into `begun`; their process is put into `crowds`.
begin() {
    local name=$1 lasts=$2 fd
    shift 2

    mkfifo "$bench_tmp/$name.begin"
    : >"$bench_tmp/$name.log"
    "${on_clients[@]}" "$program" -s "$lasts" -p "$bench_admin" "$@" "$bench_clients" \
        <"$bench_tmp/$name.begin" >"$bench_tmp/$name.raw" 2>"$bench_tmp/$name.log" &
    crowds+=("$!")
    exec {fd}>"$bench_tmp/$name.begin"
    begun+=("$fd")
    until grep -q connected "$bench_tmp/$name.log"; do
        kill -0 "$!" 2>/dev/null || bench_die "the clients failed: $(cat "$bench_tmp/$name.log")"
        sleep 0.1
    done
}

cpu_of_all() {
    local sum=0 pid

    for pid in "$@"; do
        sum=$((sum + $(bench_cpu_ns "$pid")))
    done
    echo "$sum"
}

# measure NAME SERVERS SECONDS OPTION...: writes $bench_tmp/NAME.json. With `hear` set, so many
# further clients of another process only hear broadcasts: what these cost there delays nothing here.
measure() {
    local name=$1 count=$2 lasts=$3 i before after fd pid raw=()
    local pids=() crowds=() begun=()
    shift 3

    for ((i = 0; i < count; i++)); do
        bench_start_stentord "server-$name-$i" 'client_send = true;'
        ! $separate || set_apart "$bench_pid"
        pids+=("$bench_pid")
        [[ $hear -eq 0 ]] ||
            begin "$name-$i-hear" "$lasts" -i "$interval" -c "$hear" -m "$hear" -a 0
        begin "$name-$i" "$lasts" "$@"
        raw+=("$bench_tmp/$name-$i.raw")
    done
    sleep 2
    before=$(cpu_of_all "${pids[@]}")
    for fd in "${begun[@]}"; do
        echo >&"$fd"
    done
    sleep "$lasts"
    after=$(cpu_of_all "${pids[@]}")
    for pid in "${crowds[@]}"; do
        wait "$pid" || bench_die "the clients failed: $(cat "$bench_tmp/$name"-*.log)"
    done
    for fd in "${begun[@]}"; do
        exec {fd}>&-
    done
    for pid in "${pids[@]}"; do
        bench_stop "$pid"
    done
    [[ $hear -eq 0 ]] || bench_note "$name: heard: $(cat "$bench_tmp/$name-0-hear.raw")"
    python3 -c "$merge" "$((after - before))" "$lasts" "${raw[@]}" >"$bench_tmp/$name.json"
    bench_note "$name: $(cat "$bench_tmp/$name.json")"
}

for run in ${what//,/ }; do
    hear=0
    case $run in
    few) measure few 1 "$seconds" -i "$interval" -c "$clients" -a "$few" -n ;;
    all) measure all 1 "$seconds" -i "$interval" -c "$clients" -a "$clients" ;;
    broadcasts)
        hear=$members
        others=$((clients - members))
        measure broadcasts 1 $((seconds / 3)) -i "$interval" -c "$others" -a "$others" -r "$rate"
        ;;
    many)
        measure many "$servers" $((seconds / 3)) -i $((2 * interval)) -c "$clients" -a "$clients"
        ;;
    esac
done

bench_environment >"$bench_tmp/environment.json"
summarise='
import json, sys
load = lambda name: json.load(open(f"{sys.argv[1]}/{name}.json"))
runs = {name: load(name) for name in sys.argv[2].split(",")}
result = {"environment": load("environment"), "runs": runs}
if "few" in runs and "all" in runs:
    result["p99_all_to_few"] = round(runs["all"]["p99_ms"] / runs["few"]["p99_ms"], 2)
for name, run in runs.items():
    if run["sent"] > 0 and run["active"] == run["clients"] and run["published"] == 0:
        per_second = run["sent"] / run["seconds"]
        run["server_us_per_message"] = round(run["server_cpu"] / per_second * 1e6, 2)
json.dump(result, sys.stdout, indent=1)
print()
'
python3 -c "$summarise" "$bench_tmp" "$what" >"$output"
bench_note "the result is in $output"
