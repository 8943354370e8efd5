#!/bin/sh
# The first process of a guest (bench/vm.sh): sets the guest up, then does what lines on the second
# serial port say, and answers there. Busybox's shell. The kernel hands over its own command line
# as the environment: vm_role, vm_address, vm_descriptors.
# shellcheck disable=SC2154,SC3045 # these; busybox's ulimit has -n

export PATH=/bin
mkdir -p /proc /sys /dev /tmp /run /etc
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
echo "root:x:0:0:root:/:/bin/sh" >/etc/passwd
echo "root:x:0:" >/etc/group

while read -r module; do
    insmod "/modules/$module"
done </modules/order

# What `stentorctl doctor` asks for on a machine that is to hold that many clients.
set_up_kernel() {
    echo "$((vm_descriptors + 1000))" >/proc/sys/fs/nr_open
    echo "$((vm_descriptors * 2))" >/proc/sys/fs/file-max
    echo "$((vm_descriptors * 2))" >/proc/sys/fs/epoll/max_user_watches
    echo 65535 >/proc/sys/net/core/somaxconn
    echo 65535 >/proc/sys/net/ipv4/tcp_max_syn_backlog
    echo 65535 >/proc/sys/net/core/netdev_max_backlog
    echo "1024 65535" >/proc/sys/net/ipv4/ip_local_port_range
    echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse
    # When all clients leave at once, what gets lost of that has to be sent again.
    echo "$vm_descriptors" >/proc/sys/net/ipv4/tcp_max_orphans
    buffers=$((vm_descriptors * 4)) # pages of 4 KB
    echo "$((buffers / 4)) $((buffers / 2)) $buffers" >/proc/sys/net/ipv4/tcp_mem
    ulimit -n "$vm_descriptors"
}

# Clients have many addresses: the whole of 10.0.128.0/17 is the client guest.
set_up_network() {
    for interface in /sys/class/net/*; do
        interface=${interface##*/}
        ip link set "$interface" up
        [ "$interface" = lo ] || ip addr add "$vm_address/17" dev "$interface"
    done
    if [ "$vm_role" = clients ]; then
        ip route add local 10.0.128.0/17 dev lo
    else
        ip route add 10.0.128.0/17 via 10.0.0.2
    fi
}

# Local addresses of the clients' guest, one for each thousand clients. They are made here because
# a line of commands may have 4,095 bytes, as on any terminal.
addresses() {
    i=0
    list=
    while [ "$i" -le "$(($1 / 1000))" ]; do
        list=$list,10.0.$((128 + i / 250)).$((1 + i % 250))
        i=$((i + 1))
    done
    echo "${list#,}"
}

# start NAME COMMAND...: in the background; prints its process number.
start() {
    name=$1
    shift
    "$@" >"/tmp/$name.out" 2>"/tmp/$name.err" </dev/null &
    echo $!
}

# runs PID: false also when it has ended and nobody has waited for it.
runs() {
    [ -e "/proc/$1/exe" ]
}

# How many TCP connections there are.
connections() {
    while read -r name _ count _; do
        [ "$name" = TCP: ] && echo "$count"
    done </proc/net/sockstat
}

# sample PID: all that the report wants to know at one time.
sample() {
    for file in uptime meminfo net/sockstat slabinfo "$1/smaps_rollup"; do
        echo "@file ${file##*/}"
        cat "/proc/$file"
    done
    echo "@file schedstat"
    cat "/proc/$1/task/"*/schedstat
}

set_up_kernel
set_up_network
exec <>/dev/ttyS1 >&0
stty raw -echo
echo "@ready $(uname -r) $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
while read -r line; do
    eval "$line"
    printf '\n@end %s\n' "$?"
done
