#!/usr/bin/env bash
# What an idle client costs: memory while it is there, processor time to connect it.
# See bench/README.md.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh sets some variables, and reads others
set -euo pipefail
. "$(dirname "$0")/lib.sh"

few=1000
many=15000
settle=3
output=idle.json

usage() {
    cat >&2 <<EOF
usage: bench/idle.sh [-b BUILD] [-f FEW] [-m MANY] [-s SECONDS] [-o RESULT.json]
  -b  directory of the build (default: the current one)
  -f  clients at the first measurement (default $few)
  -m  clients at the second (default $many)
  -s  seconds between the last connect and a measurement (default $settle)
  -o  where the result goes as JSON (default $output)
EOF
    exit 2
}

while getopts b:f:m:s:o:h option; do
    case $option in
    b) bench_build=$OPTARG ;;
    f) few=$OPTARG ;;
    m) many=$OPTARG ;;
    s) settle=$OPTARG ;;
    o) output=$OPTARG ;;
    *) usage ;;
    esac
done
[[ $OPTIND -gt $# && $many -gt $few ]] || usage

bench_raise_files $((many + 100))
swarm=$(bench_program stentor-swarm)

# hold TRANSPORT NAME NUMBER: connects that many clients, which stay until they are stopped.
hold() {
    bench_start "$2" "$swarm" --clients "$3" --transports "$1" --ramp "$(($3 / 10000 + 1))" \
        --idle 3600 --rounds none --quiet "http://$bench_clients"
}

# measure TRANSPORT: two measurements of one server process, so that what the process needs for
# itself falls out of the difference.
measure() {
    local transport=$1 server rss_few rss_many cpu_before cpu_after swarms=()

    bench_start_stentord "stentord-$transport"
    server=$bench_pid
    hold "$transport" "$transport-few" "$few"
    swarms+=("$bench_pid")
    bench_wait_clients "$bench_admin" "$few" 60
    sleep "$settle"
    rss_few=$(bench_rss "$server")
    cpu_before=$(bench_cpu_ns "$server")
    hold "$transport" "$transport-more" $((many - few))
    swarms+=("$bench_pid")
    bench_wait_clients "$bench_admin" "$many" 120
    cpu_after=$(bench_cpu_ns "$server")
    sleep "$settle"
    rss_many=$(bench_rss "$server")
    echo "$transport $few $many $rss_few $rss_many $((cpu_after - cpu_before))" \
        >>"$bench_tmp/idle.txt"
    for pid in "${swarms[@]}" "$server"; do
        bench_stop "$pid"
    done
}

for transport in websocket socketio; do
    bench_note "$transport: $few, then $many clients"
    measure "$transport"
done
bench_environment "$bench_tmp/stentord-websocket.conf" >"$bench_tmp/environment"
python3 "$bench_dir/report.py" idle "$bench_tmp" "$output"
