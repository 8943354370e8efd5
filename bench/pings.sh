#!/usr/bin/env bash
# Do ten thousand clients that connect at once get their heartbeats at once, too?
# See bench/README.md.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh sets some variables, and reads others
set -euo pipefail
. "$(dirname "$0")/lib.sh"

clients=10000
interval=25000
output=pings.json

usage() {
    cat >&2 <<EOF
usage: bench/pings.sh [-b BUILD] [-c CLIENTS] [-i MILLISECONDS] [-o RESULT.json]
  -b  directory of the build (default: the current one)
  -c  Socket.IO clients that connect within a second (default $clients)
  -i  the server's ping_interval (default $interval)
  -o  where the result goes as JSON (default $output)
EOF
    exit 2
}

while getopts b:c:i:o:h option; do
    case $option in
    b) bench_build=$OPTARG ;;
    c) clients=$OPTARG ;;
    i) interval=$OPTARG ;;
    o) output=$OPTARG ;;
    *) usage ;;
    esac
done
[[ $OPTIND -gt $# ]] || usage

bench_raise_files $((clients + 100))
bench_start_stentord stentord "ping_interval = $interval;"
python3 "$bench_dir/pings.py" --address "$bench_clients" --clients "$clients" \
    --json "$bench_tmp/pings.json"
bench_environment "$bench_tmp/stentord.conf" >"$bench_tmp/environment"
python3 "$bench_dir/report.py" pings "$bench_tmp" "$output"
