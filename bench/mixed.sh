#!/usr/bin/env bash
# Do WebSocket clients get messages later when as many others poll? See bench/README.md.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh sets some variables, and reads others
set -euo pipefail
. "$(dirname "$0")/lib.sh"

runs=5
half=9900
seconds=10
payload=40
servers=0
output=mixed.json

usage() {
    cat >&2 <<EOF
usage: bench/mixed.sh [-b BUILD] [-n RUNS] [-c CLIENTS] [-d SECONDS] [-p PAYLOAD] [-s SERVERS]
                      [-o RESULT.json]
  -b  directory of the build (default: the current one)
  -n  runs of each audience (default $runs)
  -c  clients of each half of the audience (default $half)
  -d  seconds of each round (default $seconds)
  -p  bytes of a message (default $payload)
  -s  server processes, which share the clients (default: 1, or 2 if descriptors are few)
  -o  where the result goes as JSON (default $output)
EOF
    exit 2
}

while getopts b:n:c:d:p:s:o:h option; do
    case $option in
    b) bench_build=$OPTARG ;;
    n) runs=$OPTARG ;;
    c) half=$OPTARG ;;
    d) seconds=$OPTARG ;;
    p) payload=$OPTARG ;;
    s) servers=$OPTARG ;;
    o) output=$OPTARG ;;
    *) usage ;;
    esac
done
[[ $OPTIND -gt $# ]] || usage

# What a server needs besides one descriptor per client: what it keeps for itself, and room for the
# second connections by which polling clients answer heartbeats.
besides=$((64 + 4 * $(nproc) + 100))
if [[ $servers -eq 0 ]]; then
    limit=$(ulimit -Hn)
    servers=1
    [[ $limit == unlimited || $limit -ge $((2 * half + besides)) ]] || servers=2
fi
bench_raise_files $((2 * half / servers + besides))
swarm=$(bench_program stentor-swarm)
clients=$((half / servers)) # of each half and server
ramp=$((2 * clients / 2000 + 1))

admins=()
addresses=()
pids=()
for ((i = 0; i < servers; i++)); do
    bench_start_stentord "stentord-$i"
    pids+=("$bench_pid")
    admins+=("$bench_admin")
    addresses+=("$bench_clients")
done

# start_measured NAME SERVER: the WebSocket half, which publishes and is measured.
start_measured() {
    bench_start "$1" "$swarm" --clients "$clients" --transports websocket --ramp "$ramp" \
        --idle 5 --rounds "2s:${seconds}s,1s:${seconds}s,0.5s:${seconds}s" --payload "$payload" \
        --publish-url "http://${admins[$2]}/publish/*/e" --pid "${pids[$2]}" \
        --json "$bench_tmp/$1.json" --quiet "http://${addresses[$2]}"
}

# start_other NAME SERVER TRANSPORT: the other half, which gets the same messages.
start_other() {
    bench_start "$1" "$swarm" --clients "$clients" --transports "$3" --ramp "$ramp" \
        --idle 3600 --rounds none --json "$bench_tmp/$1.json" --quiet "http://${addresses[$2]}"
}

wait_until_empty() {
    local until=$((SECONDS + 60))

    while curl -fsS "http://$1/status" |
        python3 -c 'import json, sys; sys.exit(json.load(sys.stdin)["clients"] == 0)'; do
        [[ $SECONDS -lt $until ]] || bench_die "clients of the last run are still there"
        sleep 0.2
    done
}

# measure AUDIENCE NAME: each half has a swarm of its own, so that the work of simulating clients
# that poll does not hold up the other ones. Both connect at the same time, which mixes them.
measure() {
    local audience=$1 name=$2 others=() measured=() i

    for ((i = 0; i < servers; i++)); do
        case $audience in
        mixed) start_other "$name-other-$i" "$i" polling ;;
        websocket) start_other "$name-other-$i" "$i" websocket ;;
        esac
        [[ $audience == half ]] || others+=("$bench_pid")
    done
    for ((i = 0; i < servers; i++)); do
        start_measured "$name-$i" "$i"
        measured+=("$bench_pid")
    done
    for ((i = 0; i < servers; i++)); do
        wait "${measured[i]}" || bench_note_failure "$name-$i"
        bench_stop "${measured[i]}"
    done
    for i in "${others[@]}"; do
        bench_stop "$i"
    done
    for ((i = 0; i < servers; i++)); do
        wait_until_empty "${admins[i]}"
    done
}

audiences=(mixed websocket half)
for ((run = 1; run <= runs; run++)); do
    for ((i = 0; i < ${#audiences[@]}; i++)); do
        audience=${audiences[i]}
        ((run % 2)) || audience=${audiences[${#audiences[@]} - 1 - i]}
        bench_note "run $run of $runs: $audience"
        measure "$audience" "$run-$audience"
    done
done

bench_environment "$bench_tmp/stentord-0.conf" >"$bench_tmp/environment"
python3 "$bench_dir/report.py" mixed "$bench_tmp" "$runs" "$servers" "$clients" "$output"
