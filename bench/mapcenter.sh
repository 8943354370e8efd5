#!/usr/bin/env bash
# The tests that the Map Center was prepared with, on stentord and on Socket.IO's own server. See
# bench/README.md.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh sets some variables, and reads others
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/peers.sh"

populations=10x1000,20x500,20x1000
seconds=60
idle=30
transports=socketio,polling
servers=stentord,socketio-server
payload=40
output=mapcenter

usage() {
    cat >&2 <<EOF
usage: bench/mapcenter.sh [-b BUILD] [-c POPULATIONS] [-d SECONDS] [-i SECONDS] [-t TRANSPORTS]
                          [-s SERVERS] [-p PAYLOAD] [-o OUTPUT]
  -b  directory of the build (default: the current one)
  -c  processes and clients of each, with commas between (default $populations)
  -d  seconds of each round (default $seconds)
  -i  seconds of the idle phase (default $idle)
  -t  transports (default $transports)
  -s  servers (default $servers)
  -p  bytes of a message (default $payload)
  -o  where the results go: OUTPUT.html, and OUTPUT-NAME.json of each run (default $output)
EOF
    exit 2
}

while getopts b:c:d:i:t:s:p:o:h option; do
    case $option in
    b) bench_build=$OPTARG ;;
    c) populations=$OPTARG ;;
    d) seconds=$OPTARG ;;
    i) idle=$OPTARG ;;
    t) transports=$OPTARG ;;
    s) servers=$OPTARG ;;
    p) payload=$OPTARG ;;
    o) output=$OPTARG ;;
    *) usage ;;
    esac
done
[[ $OPTIND -gt $# ]] || usage

swarm=$(bench_program stentor-swarm)
ulimit -Sn "$(ulimit -Hn)"
: >"$bench_tmp/peers"

start_server() {
    case $1 in
    stentord) bench_start_stentord "$2" ;;
    socketio-server)
        peers_transports=polling,websocket peers_start_socketio "$2"
        bench_admin=$bench_clients
        ;;
    *) bench_die "-s: there is no $1" ;;
    esac
}

# measure SERVER TRANSPORT PROCESSES CLIENTS: a server of its own, so that nobody inherits anything.
measure() {
    local server=$1 transport=$2 processes=$3 each=$4 name status=0 clients

    name=$server-$transport-${processes}x$each
    clients=$((processes * each))
    start_server "$server" "$name"
    bench_note "$name"
    "$swarm" run --on "$(seq -s, -f 'p%g' "$processes")" --via env --agent "$swarm" \
        --clients "$clients" --transports "$transport" --ramp "$((clients / 1000 + 1))" \
        --connect-timeout 60 --idle "$idle" --rounds "2s:${seconds}s,1s:${seconds}s,0.5s:${seconds}s" \
        --payload "$payload" --publish-url "http://$bench_admin/publish/*/e" --pid "$bench_pid" \
        --label "$name" --json "$output-$name.json" --quiet "http://$bench_clients" \
        >"$bench_tmp/$name.log" 2>&1 || status=$?
    [[ -s $output-$name.json ]] || {
        cat "$bench_tmp/$name.log" >&2
        bench_die "$name: the swarm failed"
    }
    results+=("$output-$name.json")
    echo "$name: exit status $status"
    grep -E '^(Connects|Not met|Result|VALID|INVALID)' "$bench_tmp/$name.log" | sed 's/^/  /'
    [[ $status -eq 0 ]] || worst=1
    bench_stop "$bench_pid"
}

results=()
worst=0
IFS=, read -r -a server_list <<<"$servers"
IFS=, read -r -a transport_list <<<"$transports"
IFS=, read -r -a population_list <<<"$populations"
for population in "${population_list[@]}"; do
    [[ $population =~ ^[0-9]+x[0-9]+$ ]] || bench_die "-c: \"$population\" is not like 10x1000"
done
for server in "${server_list[@]}"; do
    for transport in "${transport_list[@]}"; do
        for population in "${population_list[@]}"; do
            measure "$server" "$transport" "${population%x*}" "${population#*x}"
        done
    done
done
"$swarm" compare --report "$output.html" "${results[@]}" || true
cat "$bench_tmp/peers"
bench_note "written to $output.html"
exit "$worst"
