#!/usr/bin/env bash
# As many clients as a machine of a given memory can hold, on virtual machines: memory per client by
# part, processor time per delivery, what is lost. See bench/README.md.
# shellcheck disable=SC1091,SC2034,SC2154 # files that are sourced set some variables, read others
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$bench_dir/vm/guests.sh"

transport=polling
clients=100004
few=10000
server_mb=2048
client_mb=0
ping=0
rate=1500
idle=15
rounds=30s:60s
few_rounds=10s:20s
directed=0
drain=0
yardstick=false
accel=
limit=0
output=vm.json

usage() {
    cat >&2 <<EOF
usage: bench/vm.sh [-b BUILD] [-t TRANSPORT] [-c CLIENTS] [-f FEW] [-r ROUNDS] [-R ROUNDS]
                   [-d RATE] [-p SECONDS] [-x RATE] [-i SECONDS] [-D SECONDS] [-y] [-m MB]
                   [-M MB] [-a kvm|tcg|uml] [-l SECONDS] [-o RESULT.json]
  -b  directory of the build (default: the current one)
  -t  how clients get messages, as for stentor-swarm (default $transport)
  -c  clients (default $clients)
  -f  clients of the first wave, with which the other is compared (default $few; 0: none)
  -r  messages to all, as for stentor-swarm; none: the clients only wait (default $rounds)
  -R  the same for the first wave (default $few_rounds)
  -d  messages per second that all clients together send meanwhile, each to a random other client
  -p  seconds between two heartbeats of a client (default: a 400th of the clients, 25 at least)
  -x  clients that connect in a second (default $rate)
  -i  seconds of rest before the messages (default $idle)
  -D  instead of getting messages, and leaving, the clients are drained within so many seconds
  -y  the same clients at bench/sendloop, too, for its cost of a delivery; with -t websocket
  -m  memory of the server's guest in MB (default $server_mb)
  -M  memory of the clients' guest in MB (default: 512, and 6 KB for each client)
  -a  how guests run: as virtual machines (kvm), emulated (tcg), or as processes of a User-Mode
      Linux (uml), which is several times as fast as tcg (default: kvm where it works, else tcg)
  -l  seconds until all is given up (default: what it should take, twice)
  -o  where the result goes as JSON (default $output)
EOF
    exit 2
}

while getopts b:t:c:f:r:R:d:p:x:i:D:ym:M:a:l:o:h option; do
    case $option in
    b) bench_build=$OPTARG ;;
    t) transport=$OPTARG ;;
    c) clients=$OPTARG ;;
    f) few=$OPTARG ;;
    r) rounds=$OPTARG ;;
    R) few_rounds=$OPTARG ;;
    d) directed=$OPTARG ;;
    p) ping=$OPTARG ;;
    x) rate=$OPTARG ;;
    i) idle=$OPTARG ;;
    D) drain=$OPTARG ;;
    y) yardstick=true ;;
    m) server_mb=$OPTARG ;;
    M) client_mb=$OPTARG ;;
    a) accel=$OPTARG ;;
    l) limit=$OPTARG ;;
    o) output=$OPTARG ;;
    *) usage ;;
    esac
done
[[ $OPTIND -gt $# ]] || usage
[[ $yardstick == false || $transport == websocket ]] || usage
[[ $directed == 0 || $yardstick == false ]] || usage # a send loop has no such messages
[[ $drain -eq 0 ]] || rounds=none

asking=$((clients / 5000 + 5)) # seconds that it may take to list them
[[ $ping -gt 0 ]] || ping=$((clients / 400 > 25 ? clients / 400 : 25))
[[ $client_mb -gt 0 ]] || client_mb=$((512 + clients * 6 / 1024))
vm_descriptors=$((clients + 2000))

# What a plan of rounds comes to: its messages, and its seconds.
plan_messages() {
    python3 "$bench_dir/vm/report.py" plan "$1" | cut -d ' ' -f 1
}
plan_seconds() {
    python3 "$bench_dir/vm/report.py" plan "$1" | cut -d ' ' -f 2
}

# Everything has to be over by then, whatever hangs.
until=$((SECONDS + limit))
if [[ $limit -eq 0 ]]; then
    wave_seconds=$((2 * (few + clients) / rate + 2 * idle + asking + drain + $(plan_seconds "$rounds")))
    until=$((SECONDS + 300 + 2 * wave_seconds))
fi
left() {
    echo $((until > SECONDS ? until - SECONDS : 1))
}

sample() {
    vm_run server 60 "sample $1" >"$bench_tmp/$2.sample" || bench_die "$3 has ended"
}

# start_server NAME: stentord or sendloop in the server's guest; sets pid.
start_server() {
    local command="stentord -f -c /etc/stentord.conf"

    [[ $1 == stentord ]] || command="sendloop 8080 0.0.0.0"
    pid=$(vm_run server 30 "start $1 $command" | sed -n 1p)
    vm_run server 60 "until grep -qE 'server: ready|listen: clients' /tmp/$1.err; do \
runs $pid || break; sleep 0.2; done; runs $pid" || {
        vm_run server 10 "cat /tmp/$1.err" >&2 || true
        bench_die "$1 did not start"
    }
    sleep 2
}

# connections: of the whole guest.
connections() {
    vm_run server 30 connections | sed -n 1p
}

swarm_says() {
    vm_run clients 60 "tail -n 1 /tmp/$1.err" | grep -v '^$' || true
}

swarm_runs() {
    vm_run clients 30 "runs $swarm" >/dev/null
}

# await_swarm NAME PATTERN: until its last line matches.
await_swarm() {
    local line

    while line=$(swarm_says "$1") && ! grep -qE -- "$2" <<<"$line"; do
        swarm_runs || return 1
        [[ $SECONDS -lt $until ]] || bench_die "out of time; the swarm said: $line"
        sleep 1
    done
}

# sessions: of stentord's clients, which may have one without a connection, between two polls. Nothing
# when it does not answer.
sessions() {
    vm_run server 30 "stentorctl -s http://127.0.0.1:8081 status" | sed -n 's/^clients *\([0-9]*\).*/\1/p'
}

# await_empty: until all clients have left, and what that leaves behind has gone.
await_empty() {
    until [[ $(connections) -le 4 && $(sessions) == 0 ]]; do
        [[ $SECONDS -lt $until ]] || bench_die "out of time: clients do not leave"
        sleep 2
    done
    sleep "$1"
}

# The swarm's option for so many clients to send to each other.
directed_option() {
    [[ $directed == 0 ]] || awk -v all="$directed" -v clients="$1" \
        'BEGIN { printf "--directed %.9f/s", all / clients }'
}

# ask NAME CLIENTS: what operators ask for, with how long the answer takes and how large it is.
ask() {
    local what begun size

    for what in "clients?limit=$2" rooms status metrics; do
        begun=$EPOCHREALTIME
        size=$(vm_run server 120 "wget -q -O - 'http://127.0.0.1:8081/$what' | wc -c" | sed -n 1p)
        awk -v what="${what%%\?*}" -v begun="$begun" -v ended="$EPOCHREALTIME" -v size="$size" \
            'BEGIN { printf "%s %.3f %d\n", what, ended - begun, size }'
    done >"$bench_tmp/$1.answers"
}

# drain_server NAME: how many connections there are each second until the server has ended.
drain_server() {
    local begun=$EPOCHREALTIME

    vm_run server 60 "stentorctl -s http://127.0.0.1:8081 drain -t $drain" >&2
    while vm_run server 30 "runs $pid" >/dev/null; do
        [[ $SECONDS -lt $until ]] || bench_die "out of time: the server does not end"
        echo "$(elapsed "$begun") $(connections)"
        sleep 1
    done >"$bench_tmp/$1.drain"
    echo "$(elapsed "$begun") 0" >>"$bench_tmp/$1.drain"
}

elapsed() {
    awk -v begun="$1" -v now="$EPOCHREALTIME" 'BEGIN { printf "%.2f", now - begun }'
}

# start_swarm NAME CLIENTS ROUNDS: sets swarm.
start_swarm() {
    local waits=$((idle + asking + 10))

    [[ $1 != many || $drain -eq 0 ]] || waits=1000000
    swarm=$(vm_run clients 30 "start $1 stentor-swarm -c $2 --transports $transport \
--ramp $(($2 / rate + 1)) --connect-timeout 60 --idle $waits --rounds $3 \
$(directed_option "$2") \
--bind \$(addresses $2) --publish-url http://10.0.0.1:$publish_port \
--json /tmp/$1.json http://10.0.0.1:8080" | sed -n 1p)
}

# observe NAME SERVER CLIENTS ROUNDS: what the server takes while clients rest and get messages.
observe() {
    local messages

    messages=$(plan_messages "$4")
    sleep 4
    sample "$pid" "$1-idle" "$2"
    sleep "$idle"
    sample "$pid" "$1-rested" "$2"
    if [[ $2 == stentord ]]; then
        ask "$1" "$3"
        sample "$pid" "$1-asked" "$2"
    fi
    if [[ $1 == many && $drain -gt 0 ]]; then
        drain_server "$1"
        return
    fi
    [[ $messages -eq 0 ]] ||
        await_swarm "$1" "message $messages, 0 deliveries/s|^goodbye" || true
    sample "$pid" "$1-served" "$2"
}

# wave NAME SERVER CLIENTS ROUNDS: clients come, rest, get messages, and leave.
wave() {
    bench_note "$2: $3 clients by $transport"
    start_swarm "$1" "$3" "$4"
    ! await_swarm "$1" '^idle:' || observe "$@"
    while swarm_runs; do
        [[ $SECONDS -lt $until ]] || break
        sleep 1
    done
    vm_run clients 120 "cat /tmp/$1.json" | grep -v '^$' >"$bench_tmp/$1.json" || true
    vm_run clients 60 "cat /tmp/$1.out; grep -v deliveries/s /tmp/$1.err" >"$bench_tmp/$1.log"
    [[ -s $bench_tmp/$1.json ]] || {
        tail -n 20 "$bench_tmp/$1.log" >&2
        bench_die "the swarm failed"
    }
    [[ $2 == stentord ]] || return 0 # without heartbeats it may never know that they have left
    [[ ! -e $bench_tmp/$1.drain ]] || return 0
    await_empty 10 # memory goes back within seconds, which are longer in a guest
    sample "$pid" "$1-left" "$2"
}

programs=()
for program in stentord stentorctl stentor-swarm bench/sendloop; do
    programs+=("$(bench_program "$program")")
done
vm_set_accel "${accel:-kvm}"
vm_build_image "${programs[@]}"
[[ -n $accel ]] || vm_kvm_works || vm_set_accel tcg
bench_note "guests run by $vm_accel: $server_mb MB for the server, $client_mb MB for the clients"
vm_start_both "$server_mb" "$client_mb"
for guest in server clients; do
    vm_await "$guest" "$vm_boot_seconds" || bench_die "the guest '$guest' has not booted"
done

cat >"$bench_tmp/stentord.conf" <<EOF
listeners = (
    { address = "0.0.0.0"; port = 8080; },
    { address = "0.0.0.0"; port = 8081; admin = true; }
);
user = "root";
ping_interval = $((ping * 1000));
listen_backlog = 65535;
connect_timeout = 120;
client_send = true;
EOF
configuration=$(tr '\n' ' ' <"$bench_tmp/stentord.conf")
vm_run server 30 "echo '$configuration' >/etc/stentord.conf" >/dev/null

publish_port=8081
start_server stentord
vm_run server 30 "stentorctl -s http://127.0.0.1:8081 doctor -n $clients" |
    grep 'TOO LOW' >&2 || true
sample "$pid" start stentord
[[ $few -eq 0 ]] || wave few stentord "$few" "$few_rounds"
wave many stentord "$clients" "$rounds"
[[ $drain -gt 0 ]] || vm_run server 30 "kill $pid" >/dev/null
vm_run server 30 "wait $pid" >/dev/null || bench_note "stentord ended with status $?"
if $yardstick; then
    publish_port=8080
    for name in few many; do
        start_server sendloop
        sample "$pid" "sendloop-start" sendloop
        number=$clients plan=$rounds
        [[ $name == many ]] || number=$few plan=$few_rounds
        [[ $number -eq 0 ]] || wave "sendloop-$name" sendloop "$number" "$plan"
        vm_run server 30 "kill $pid; wait $pid" >/dev/null || true
    done
fi
vm_stop clients
vm_stop server
echo "$vm_kernel_release" >"$bench_tmp/kernel"
bench_environment "$bench_tmp/stentord.conf" >"$bench_tmp/environment"
python3 "$bench_dir/vm/report.py" report "$bench_tmp" "$output" "$transport" "$vm_accel" \
    "$server_mb" "$client_mb" "$ping"
