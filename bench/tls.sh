#!/usr/bin/env bash
# What TLS costs: stentord with it beside stentord without, and beside hitch in front of stentord;
# handshakes beside nginx's; and whether a storm of handshakes is felt. See bench/README.md.
#
# hitch and nginx come from Debian's packages of these names (nginx-light); what is not installed is
# left out.
# shellcheck disable=SC1091,SC2034,SC2154 # lib.sh sets some variables, and reads others
set -euo pipefail
. "$(dirname "$0")/lib.sh"

runs=5
clients=5000
seconds=8
handshakes=2000
storm=2000
parts=delivery,handshake,storm
output=tls.json

usage() {
    cat >&2 <<EOF
usage: bench/tls.sh [-b BUILD] [-w PARTS] [-n RUNS] [-c CLIENTS] [-d SECONDS] [-o RESULT.json]
  -b  directory of the build (default: the current one)
  -w  what to measure (default $parts)
  -n  runs of each (default $runs)
  -c  clients (default $clients)
  -d  seconds of deliveries in each run (default $seconds)
  -o  where the result goes as JSON (default $output)
EOF
    exit 2
}

while getopts b:w:n:c:d:o:h option; do
    case $option in
    b) bench_build=$OPTARG ;;
    w) parts=$OPTARG ;;
    n) runs=$OPTARG ;;
    c) clients=$OPTARG ;;
    d) seconds=$OPTARG ;;
    o) output=$OPTARG ;;
    *) usage ;;
    esac
done
[[ $OPTIND -gt $# ]] || usage

export PATH=$PATH:/usr/sbin
bench_raise_files $((3 * clients + 100))
program=$(bench_program bench/tlsclients)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=localhost -keyout "$bench_tmp/key.pem" -out "$bench_tmp/chain.pem" 2>/dev/null
cat "$bench_tmp/chain.pem" "$bench_tmp/key.pem" >"$bench_tmp/both.pem"

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# A process that waits, and its children, which work.
family_of() {
    echo "$1 $(pgrep -P "$1" | tr '\n' ' ')"
}

# start_stentord NAME [TLS]: sets bench_pid, bench_clients and bench_admin.
start_stentord() {
    local name=$1 tls=${2:-}

    cat >"$bench_tmp/$name.conf" <<EOF
listeners = (
    { address = "127.0.0.1"; port = 0; $tls },
    { address = "127.0.0.1"; port = 0; admin = true; }
);
user = "root";
header_timeout = 60;
ping_interval = 3600000;
EOF
    bench_start "$name" "$(bench_program stentord)" -f -c "$bench_tmp/$name.conf"
    bench_wait_line "$name" "$bench_pid" "server: ready"
    bench_clients=$(sed -n 's/.* listen: clients on \([0-9.:]*\).*/\1/p' "$bench_tmp/$name.log")
    bench_admin=$(bench_address_of "$name" admin)
    servers=$bench_pid
}

start_pair() {
    local port

    start_stentord pair
    port=$(free_port)
    bench_start hitch hitch --frontend="[127.0.0.1]:$port" \
        --backend="[${bench_clients%:*}]:${bench_clients#*:}" --workers=2 --backlog=4096 \
        --user=nobody --quiet "$bench_tmp/both.pem"
    sleep 1
    servers="$servers $(family_of "$bench_pid")"
    bench_clients=127.0.0.1:$port
}

start_nginx() {
    local port directory=$bench_tmp/nginx

    port=$(free_port)
    mkdir -p "$directory"
    cat >"$bench_tmp/nginx.conf" <<EOF
daemon off;
worker_processes 2;
pid $directory/pid;
error_log stderr;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path $directory;
    proxy_temp_path $directory;
    fastcgi_temp_path $directory;
    uwsgi_temp_path $directory;
    scgi_temp_path $directory;
    server {
        listen 127.0.0.1:$port ssl backlog=4096;
        ssl_certificate $bench_tmp/chain.pem;
        ssl_certificate_key $bench_tmp/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        return 204;
    }
}
EOF
    bench_start nginx nginx -p "$directory" -c "$bench_tmp/nginx.conf" -e stderr
    sleep 1
    servers=$(family_of "$bench_pid")
    bench_clients=127.0.0.1:$port
}

# start KIND: sets bench_clients (where clients connect), bench_admin, and servers (process ids).
start() {
    case $1 in
    plain) start_stentord plain ;;
    tls) start_stentord tls "tls = { certificates = ( { chain = \"$bench_tmp/chain.pem\";
        key = \"$bench_tmp/key.pem\"; } ); handshake_timeout = 60; };" ;;
    pair) start_pair ;;
    nginx) start_nginx ;;
    esac
}

stop_all() {
    local pid

    for pid in "${bench_pids[@]}"; do
        bench_stop "$pid"
    done
}

# sum_of FUNCTION: of all processes of the server.
sum_of() {
    local sum=0 pid

    for pid in $servers; do
        sum=$((sum + $("$1" "$pid")))
    done
    echo "$sum"
}

deliveries() {
    curl -fsS "http://$bench_admin/metrics" | sed -n 's/^stentor_deliveries_total //p'
}

publish() {
    python3 "$bench_dir/publish.py" "$bench_admin" "$1" "$seconds"
}

# keep KIND NUMBER: so many clients that stay; sets keeper.
keep() {
    local plain=()

    [[ $1 != plain ]] || plain=(-p)
    bench_start "keep-$2" "$program" -k -n "$2" -w 100 "${plain[@]}" "$bench_clients"
    keeper=$bench_pid
}

# delivery KIND: CPU per delivery, and memory per idle client.
delivery() {
    local kind=$1 few=500 rss cpu before

    start "$kind"
    keep "$kind" "$few"
    bench_wait_clients "$bench_admin" "$few" 60
    sleep 2
    rss=$(sum_of bench_rss)
    keep "$kind" "$((clients - few))"
    bench_wait_clients "$bench_admin" "$clients" 120
    sleep 2
    rss=$(($(sum_of bench_rss) - rss))
    cpu=$(sum_of bench_cpu_ns)
    before=$(deliveries)
    publish 2
    cpu=$(($(sum_of bench_cpu_ns) - cpu))
    echo "delivery $kind $cpu $(($(deliveries) - before)) $rss $((clients - few))" \
        >>"$bench_tmp/results"
    stop_all
}

# handshake KIND: CPU per full handshake.
handshake() {
    local cpu

    start "$1"
    cpu=$(sum_of bench_cpu_ns)
    "$program" -n 50 -c "$handshakes" "$bench_clients" >"$bench_tmp/handshakes.log"
    sleep 1
    cpu=$(($(sum_of bench_cpu_ns) - cpu))
    echo "handshake $1 $cpu $handshakes 0 0" >>"$bench_tmp/results"
    stop_all
}

# delays NAME: how late messages reach the clients that stay.
delays() {
    sleep 1
    kill -USR1 "$keeper"
    publish 10
    bench_stop "$keeper"
    echo "storm $1 $(cat "$bench_tmp/keep-$storm.log")" >>"$bench_tmp/storms"
}

storm() {
    start tls
    keep tls "$storm"
    bench_wait_clients "$bench_admin" "$storm" 60
    delays calm
    keep tls "$storm"
    bench_wait_clients "$bench_admin" "$storm" 60
    bench_start storm nice -n 19 "$program" -n "$storm" -d $((seconds + 4)) "$bench_clients"
    delays storm
    stop_all
}

with() {
    if command -v "$1" >/dev/null; then
        echo "$2"
    else
        bench_note "$1 is not installed, and left out"
    fi
}

: >"$bench_tmp/results"
: >"$bench_tmp/storms"
for ((run = 1; run <= runs; run++)); do
    if [[ ,$parts, == *,delivery,* ]]; then
        for kind in plain tls $(with hitch pair); do
            bench_note "run $run of $runs: deliveries, $kind"
            delivery "$kind"
        done
    fi
    if [[ ,$parts, == *,handshake,* ]]; then
        for kind in tls $(with hitch pair) $(with nginx nginx); do
            bench_note "run $run of $runs: handshakes, $kind"
            handshake "$kind"
        done
    fi
    if [[ ,$parts, == *,storm,* ]]; then
        bench_note "run $run of $runs: storm"
        storm
    fi
done
bench_environment "" >"$bench_tmp/environment"
python3 "$bench_dir/tls.py" "$bench_tmp" "$output"
