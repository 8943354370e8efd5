#!/usr/bin/env bash
# What clients that stop reading cost the server, and the clients that go on reading.
# See bench/README.md.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh sets some variables, and reads others
set -euo pipefail
. "$(dirname "$0")/lib.sh"

stalled=1000
clients=1000
megabytes=200
rate=10
block=65536
verify=100
output=slow.json

usage() {
    cat >&2 <<EOF
usage: bench/slow.sh [-b BUILD] [-s STALLED] [-c CLIENTS] [-m MEGABYTES] [-r RATE] [-v VERIFY]
                     [-o RESULT.json]
  -b  directory of the build (default: the current one)
  -s  clients that stop reading (default $stalled)
  -c  clients that go on reading (default $clients)
  -m  megabytes that are broadcast to those that stopped (default $megabytes)
  -r  megabytes per second (default $rate)
  -v  of those that stopped, how many read on at the end, to be checked (default $verify)
  -o  where the result goes as JSON (default $output)
EOF
    exit 2
}

while getopts b:s:c:m:r:v:o:h option; do
    case $option in
    b) bench_build=$OPTARG ;;
    s) stalled=$OPTARG ;;
    c) clients=$OPTARG ;;
    m) megabytes=$OPTARG ;;
    r) rate=$OPTARG ;;
    v) verify=$OPTARG ;;
    o) output=$OPTARG ;;
    *) usage ;;
    esac
done
[[ $OPTIND -gt $# && $verify -le $stalled ]] || usage

bench_raise_files $((stalled + clients + 100))
swarm=$(bench_program stentor-swarm)

# The heartbeat is slowed down because it would, rightly, end clients that do not answer it.
config='ping_interval = 3600000;
max_publish_size = 1048576;'

# measure NAME STALLED: the same load on a fresh server, with that many clients that stop reading.
measure() {
    local name=$1 number=$2 server seconds=$((megabytes / rate + 2)) swarm_pid check=$verify

    [[ $number -gt 0 ]] || check=0
    bench_start_stentord "stentord-$name" "$config"
    server=$bench_pid
    bench_start "swarm-$name" "$swarm" --clients "$clients" --room live --idle 2 \
        --rounds "0.1s:${seconds}s" --publish-url "http://$bench_admin/publish/live/e" \
        --pid "$server" --quiet \
        --json "$bench_tmp/swarm-$name.json" "http://$bench_clients"
    swarm_pid=$bench_pid
    bench_wait_clients "$bench_admin" "$clients" 60
    python3 "$bench_dir/slow.py" --address "$bench_clients" --admin "$bench_admin" \
        --pid "$server" --stalled "$number" --megabytes "$megabytes" --rate "$rate" \
        --block "$block" --verify "$check" --json "$bench_tmp/slow-$name.json"
    wait "$swarm_pid" || {
        cat "$bench_tmp/swarm-$name.log" >&2
        bench_die "the swarm failed"
    }
    bench_stop "$swarm_pid"
    bench_stop "$server"
}

bench_note "without clients that stop reading"
measure without 0
bench_note "with $stalled of them"
measure with "$stalled"
bench_environment "$bench_tmp/stentord-with.conf" >"$bench_tmp/environment"
python3 "$bench_dir/report.py" slow "$bench_tmp" "$output"
