#!/usr/bin/env bash
# What a delivery costs: stentord beside a plain send() loop. See bench/README.md.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh sets some variables, and reads others
set -euo pipefail
. "$(dirname "$0")/lib.sh"

runs=5
clients=10000
seconds=10
payload=40
in_flight=8
output=fanout.json

usage() {
    cat >&2 <<EOF
usage: bench/fanout.sh [-b BUILD] [-n RUNS] [-c CLIENTS] [-d SECONDS] [-p PAYLOAD] [-o RESULT.json]
  -b  directory of the build (default: the current one)
  -n  runs of each server (default $runs)
  -c  clients (default $clients)
  -d  seconds of each round (default $seconds)
  -p  bytes of a message (default $payload)
  -o  where the result goes as JSON (default $output)
EOF
    exit 2
}

while getopts b:n:c:d:p:o:h option; do
    case $option in
    b) bench_build=$OPTARG ;;
    n) runs=$OPTARG ;;
    c) clients=$OPTARG ;;
    d) seconds=$OPTARG ;;
    p) payload=$OPTARG ;;
    o) output=$OPTARG ;;
    *) usage ;;
    esac
done
[[ $OPTIND -gt $# ]] || usage

bench_raise_files $((clients + 100))
swarm=$(bench_program stentor-swarm)

bench_start_stentord stentord
declare -A pid=([stentord]=$bench_pid)
declare -A address=([stentord]=$bench_clients)
publish_at=$bench_admin
bench_start_sendloop sendloop
pid[sendloop]=$bench_pid
address[sendloop]=$bench_clients

# swarm_run SERVER NAME OPTION...: one population of clients against one server.
swarm_run() {
    local server=$1 name=$2 publish=${address[$1]}

    shift 2
    [[ $server == stentord ]] && publish=$publish_at
    "$swarm" --clients "$clients" --ramp "$((clients / 2500 + 1))" --payload "$payload" --idle 2 \
        --publish-url "http://$publish/publish/*/e" --pid "${pid[$server]}" --quiet \
        --json "$bench_tmp/$name.json" "$@" "http://${address[$server]}" \
        >"$bench_tmp/$name.log" 2>&1 || bench_swarm_failed $? "$name" "$server"
}

# Strictly alternating, and each run begins with the other server: A B, B A, A B... Two
# populations at once would share the caches and the second would answer pings into the first
# one's measurement; in turn, each has the machine to itself, a ratio compares neighbours in time,
# and a drift of the machine hits both sides alike.
for ((run = 1; run <= runs; run++)); do
    order=(stentord sendloop)
    ((run % 2)) || order=(sendloop stentord)
    for server in "${order[@]}"; do
        bench_note "run $run of $runs: $server"
        swarm_run "$server" "$run-$server-open" --rounds "0.5s:${seconds}s,0.1s:${seconds}s"
        swarm_run "$server" "$run-$server-closed" --rounds "1s:${seconds}s" \
            --in-flight "$in_flight"
    done
done

bench_environment "$bench_tmp/stentord.conf" >"$bench_tmp/environment"
python3 "$bench_dir/report.py" fanout "$bench_tmp" "$runs" "$in_flight" "$output"
