# What the measurements share: starting servers and swarms, waiting for them, cleaning up.
# Sourced by the scripts of this folder, which have said `set -euo pipefail`.
# shellcheck shell=bash disable=SC2034 # the scripts use what is set here

bench_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bench_tmp=$(mktemp -d "${TMPDIR:-/tmp}/stentor-bench.XXXXXX")
bench_pids=()
bench_build=. # -b of every script
export PYTHONDONTWRITEBYTECODE=1

bench_die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

bench_note() {
    echo "$(basename "$0"): $*" >&2
}

# bench_stop PID: ends a process that bench_start started, and waits for it.
bench_stop() {
    local pid=$1 kept=() other

    kill -TERM "$pid" 2>/dev/null || true
    for _ in {1..50}; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    for other in "${bench_pids[@]}"; do
        [[ $other == "$pid" ]] || kept+=("$other")
    done
    bench_pids=("${kept[@]}")
}

bench_cleanup() {
    local status=$? pid

    trap - EXIT
    for pid in "${bench_pids[@]}"; do
        bench_stop "$pid"
    done
    if [[ $status -ne 0 && $status -lt 128 && -n $(ls -A "$bench_tmp") ]]; then
        bench_note "failed; the logs are in $bench_tmp"
    else
        rm -rf "$bench_tmp"
    fi
    exit "$status"
}
trap bench_cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Both sides need a descriptor per client.
bench_raise_files() {
    local need=$1

    ulimit -Sn "$(ulimit -Hn)"
    [[ $(ulimit -Sn) == unlimited || $(ulimit -Sn) -ge $need ]] ||
        bench_die "$need descriptors are needed, ulimit -Hn allows $(ulimit -Hn): use fewer clients"
}

# bench_program NAME: the path of a program of the build.
bench_program() {
    [[ -x $bench_build/$1 ]] || bench_die "$bench_build/$1 is missing: run make there, or give -b"
    echo "$bench_build/$1"
}

# bench_start NAME COMMAND...: runs it in the background, with its output in $bench_tmp/NAME.log;
# sets bench_pid.
bench_start() {
    local name=$1

    shift
    : >"$bench_tmp/$name.log"
    "$@" >"$bench_tmp/$name.log" 2>&1 &
    bench_pid=$!
    bench_pids+=("$bench_pid")
}

# bench_wait_line NAME PID PATTERN: waits until the log has a line that matches.
bench_wait_line() {
    local name=$1 pid=$2 pattern=$3

    for _ in {1..100}; do
        grep -q -- "$pattern" "$bench_tmp/$name.log" && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    cat "$bench_tmp/$name.log" >&2
    bench_die "$name did not start"
}

bench_address_of() {
    sed -n "s/.* listen: $2 on //p" "$bench_tmp/$1.log" | head -n 1
}

# bench_start_stentord NAME [OPTION-LINES]: sets bench_pid, bench_clients and bench_admin
# (host:port), and writes its configuration to $bench_tmp/NAME.conf.
bench_start_stentord() {
    local name=$1 program

    program=$(bench_program stentord)
    cat >"$bench_tmp/$name.conf" <<EOF
listeners = (
    { address = "127.0.0.1"; port = 0; admin = false; },
    { address = "127.0.0.1"; port = 0; admin = true; }
);
log_level = "info";
$([[ $(id -u) -ne 0 ]] || echo 'user = "root";')
${2:-}
EOF
    bench_start "$name" "$program" -f -c "$bench_tmp/$name.conf"
    bench_wait_line "$name" "$bench_pid" "server: ready"
    bench_clients=$(bench_address_of "$name" clients)
    bench_admin=$(bench_address_of "$name" admin)
}

# bench_start_sendloop NAME: sets bench_pid and bench_clients.
bench_start_sendloop() {
    local program

    program=$(bench_program bench/sendloop)
    bench_start "$1" "$program"
    bench_wait_line "$1" "$bench_pid" "listen: clients"
    bench_clients=$(bench_address_of "$1" clients)
}

# bench_cpu_ns PID: processor time of all its threads, user and system, in nanoseconds.
bench_cpu_ns() {
    local sum=0 ns _

    for file in "/proc/$1/task/"*/schedstat; do
        read -r ns _ <"$file" && sum=$((sum + ns))
    done
    echo "$sum"
}

# bench_rss PID: resident memory in bytes.
bench_rss() {
    awk '/^Rss:/ { sum += $2 } END { print sum * 1024 }' "/proc/$1/smaps_rollup"
}

# bench_wait_clients ADMIN NUMBER SECONDS: until the server counts that many clients.
bench_wait_clients() {
    local admin=$1 number=$2 until=$((SECONDS + $3)) now=0

    while [[ $SECONDS -lt $until ]]; do
        now=$(curl -fsS "http://$admin/status" |
            python3 -c 'import json, sys; print(json.load(sys.stdin)["clients"])')
        [[ $now -ge $number ]] && return
        sleep 0.1
    done
    bench_die "only $now of $number clients are connected"
}

# bench_note_failure NAME: the swarm that wrote NAME.json and NAME.log was not content. If something
# was lost, the rest still says what it cost, and the report says what was lost.
bench_note_failure() {
    [[ -s $bench_tmp/$1.json ]] || {
        cat "$bench_tmp/$1.log" >&2
        bench_die "the swarm failed"
    }
    bench_note "not all went well:"
    grep -E '^(Connects|Disconnects|Result)' "$bench_tmp/$1.log" >&2 || true
}

# bench_swarm_failed STATUS NAME SERVER: a swarm was not content. If it was itself the limit, which is
# the purpose of a closed loop, that is noted; anything else ends the script.
bench_swarm_failed() {
    if [[ $1 -eq 3 ]]; then
        bench_note "$2: $(grep -m 1 '^INVALID' "$bench_tmp/$2.log")"
        return
    fi
    cat "$bench_tmp/$2.log" >&2
    bench_die "the swarm failed against $3"
}

# bench_environment [CONFIG]: what a result needs to be understood later, as JSON.
bench_environment() {
    local version

    version=$("$(bench_program stentord)" -V)
    python3 "$bench_dir/report.py" environment "$version" "${1:-}"
}
