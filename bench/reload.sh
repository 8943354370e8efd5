#!/usr/bin/env bash
# Reloads the configuration many times, every third time with a mistake in it, while clients of all
# kinds are sent messages. Nobody may be disconnected or miss anything; no descriptor may be left
# open, and memory is compared after the first and the last tenth. See bench/README.md.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh sets some variables, and reads others
set -euo pipefail
. "$(dirname "$0")/lib.sh"

clients=10000
reloads=100
output=reload.json

usage() {
    cat >&2 <<EOF
usage: bench/reload.sh [-b BUILD] [-c CLIENTS] [-n RELOADS] [-o RESULT.json]
EOF
    exit 2
}

while getopts b:c:n:o:h option; do
    case $option in
    b) bench_build=$OPTARG ;;
    c) clients=$OPTARG ;;
    n) reloads=$OPTARG ;;
    o) output=$OPTARG ;;
    *) usage ;;
    esac
done
[[ $OPTIND -gt $# ]] || usage

bench_raise_files $((clients * 3 / 2 + 100))
swarm=$(bench_program stentor-swarm)
bench_start_stentord stentord
server=$bench_pid
conf=$bench_tmp/stentord.conf
cp "$conf" "$bench_tmp/good.conf"

bench_start swarm "$swarm" --clients "$clients" --transports websocket:60,socketio:20,polling:15,sse:5 \
    --rounds "1s:$((reloads + 10))s" --publish-url "http://$bench_admin/publish/*/swarm" \
    --json "$bench_tmp/swarm.json" --quiet "http://$bench_clients"
swarm_pid=$bench_pid
bench_wait_clients "$bench_admin" "$clients" 120

# The i-th configuration: other values each time, a listener that comes and goes, or a mistake.
configure() {
    cp "$bench_tmp/good.conf" "$conf"
    case $(($1 % 3)) in
    0) echo "max_rooms = $((10 + $1)); rooms = ( { pattern = \"a$1\"; policy = \"conflate\"; } );" >>"$conf" ;;
    1) sed -i 's|^listeners = (|&\n    { address = "127.0.0.2"; port = 0; },|' "$conf" ;;
    2) echo "max_rooms = -1;" >>"$conf" ;;
    esac
}

descriptors() { find "/proc/$server/fd" -mindepth 1 | wc -l; }

refused=0
for ((i = 0; i < reloads; i++)); do
    configure "$i"
    status=$(curl -s -o /dev/null -w '%{http_code}' -X POST "http://$bench_admin/reload")
    [[ $status == 200 || ($status == 422 && $((i % 3)) -eq 2) ]] || bench_die "reload $i: status $status"
    [[ $status == 200 ]] || refused=$((refused + 1))
    # Both at the same place of the cycle.
    [[ $i -ne 9 ]] || { fds_first=$(descriptors) rss_first=$(bench_rss "$server"); }
    [[ $i -ne $(((reloads - 10) / 3 * 3 + 9 - 9 % 3)) ]] || { fds_last=$(descriptors) rss_last=$(bench_rss "$server"); }
    sleep 0.1
done
left=$(curl -fsS "http://$bench_admin/status" | python3 -c 'import json, sys; print(json.load(sys.stdin)["clients"])')
bench_note "$reloads reloads, $refused of them refused; $left of $clients clients are there"
bench_note "descriptors $fds_first, then $fds_last; RSS $rss_first, then $rss_last bytes"
status=0
wait "$swarm_pid" || status=$?
if [[ $status -eq 3 ]]; then # it was late itself, and nothing was lost
    bench_note "$(grep -m 1 '^INVALID' "$bench_tmp/swarm.log")"
    status=0
fi
grep -E '^(Connects|Disconnects|Lost|Result)' "$bench_tmp/swarm.log" >&2 || true
bench_environment "$conf" >"$bench_tmp/environment"
python3 - "$bench_tmp/environment" "$output" <<EOF
import json, sys
environment = json.load(open(sys.argv[1]))
json.dump({"environment": environment, "clients": $clients, "left": $left, "reloads": $reloads,
           "refused": $refused, "descriptors": [$fds_first, $fds_last],
           "rss": [$rss_first, $rss_last], "swarm_exit": $status}, open(sys.argv[2], "w"), indent=2)
EOF
[[ $left -eq $clients && $status -eq 0 ]] || bench_die "somebody was lost"
