#!/usr/bin/env bash
# What a delivery costs by long-polling and by Server-Sent Events, beside WebSocket, a plain send()
# loop, nchan, and Socket.IO's own server. See bench/README.md.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh sets some variables, and reads others
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/peers.sh"

runs=5
clients=10000
seconds=10
payload=40
what=websocket,socketio,sse,polling,sendloop,nchan,socketio-server
output=transports.json

usage() {
    cat >&2 <<EOF
usage: bench/transports.sh [-b BUILD] [-n RUNS] [-c CLIENTS] [-d SECONDS] [-p PAYLOAD] [-w WHAT]
                           [-o RESULT.json]
  -b  directory of the build (default: the current one)
  -n  runs of each transport and server (default $runs)
  -c  clients (default $clients)
  -d  seconds of each round (default $seconds)
  -p  bytes of a message (default $payload)
  -w  what is measured, with commas between
      (default $what)
  -o  where the result goes as JSON (default $output)
EOF
    exit 2
}

while getopts b:n:c:d:p:w:o:h option; do
    case $option in
    b) bench_build=$OPTARG ;;
    n) runs=$OPTARG ;;
    c) clients=$OPTARG ;;
    d) seconds=$OPTARG ;;
    p) payload=$OPTARG ;;
    w) what=$OPTARG ;;
    o) output=$OPTARG ;;
    *) usage ;;
    esac
done
[[ $OPTIND -gt $# ]] || usage
IFS=, read -r -a subjects <<<"$what"

bench_raise_files $((clients + 100))
swarm=$(bench_program stentor-swarm)
longpoll=$(bench_program bench/longpoll)
declare -A pid=() address=() # of each server

# The server of a subject.
server_of() {
    case $1 in
    websocket | socketio | sse | polling) echo stentord ;;
    sendloop | nchan | socketio-server) echo "$1" ;;
    *) bench_die "-w: there is no $1" ;;
    esac
}

start_server() {
    case $1 in
    stentord) bench_start_stentord stentord ;;
    sendloop) bench_start_sendloop sendloop ;;
    nchan) peers_start_nchan nchan "$clients" ;;
    socketio-server) peers_start_socketio socketio-server ;;
    esac
    pid[$1]=$bench_pid
    address[$1]=$bench_clients
}

# measure SUBJECT NAME: one population of clients. Those of nchan have a channel of their own,
# since messages of earlier ones would be sent to them.
measure() {
    local subject=$1 name=$2 server program=$swarm options publish ramp=$((clients / 2000 + 1))

    server=$(server_of "$subject")
    publish="http://${address[$server]}/publish/*/e"
    case $subject in
    sendloop) options=(--transports websocket) ;;
    socketio-server)
        options=(--transports polling --connect-timeout 60)
        ramp=$((clients / 1000 + 1)) # it cannot do more
        ;;
    nchan)
        program=$longpoll
        options=(--path "/poll/$name")
        publish=http://${address[$server]}/publish/$name
        ;;
    *)
        options=(--transports "$subject")
        publish="http://$bench_admin/publish/*/e"
        ;;
    esac
    "$program" "${options[@]}" --clients "$clients" --ramp "$ramp" --payload "$payload" --idle 5 \
        --rounds "2s:${seconds}s,1s:${seconds}s,0.5s:${seconds}s" --publish-url "$publish" \
        --pid "${pid[$server]}" --json "$bench_tmp/$name.json" --quiet \
        "http://${address[$server]}" >"$bench_tmp/$name.log" 2>&1 || bench_note_failure "$name"
}

for subject in "${subjects[@]}"; do
    server_of "$subject" >/dev/null # a name that is none ends it here
done
: >"$bench_tmp/peers"
for subject in "${subjects[@]}"; do
    server=$(server_of "$subject")
    [[ -n ${pid[$server]:-} ]] || start_server "$server"
done

# In turn, each has the machine to itself; and every other run goes through them backwards, so that
# a drift of the machine does not hit the same side of a ratio each time.
for ((run = 1; run <= runs; run++)); do
    for ((i = 0; i < ${#subjects[@]}; i++)); do
        subject=${subjects[i]}
        ((run % 2)) || subject=${subjects[${#subjects[@]} - 1 - i]}
        bench_note "run $run of $runs: $subject"
        measure "$subject" "$run-$subject"
    done
done

config=
[[ -z ${pid[stentord]:-} ]] || config=$bench_tmp/stentord.conf
bench_environment "$config" >"$bench_tmp/environment"
python3 "$bench_dir/report.py" transports "$bench_tmp" "$runs" "$what" "$output"
