# Guests of bench/vm.sh: what they boot from, how they are started and talked to.
# Sourced behind lib.sh.
# shellcheck shell=bash disable=SC2034,SC2154 # the scripts use what is set here; lib.sh set others

vm_modules=(virtio_pci virtio_net)
vm_boot_seconds=120
vm_probe_seconds=15
declare -A vm_pid vm_in vm_out # each guest's process, and the ends of its command line

vm_need() {
    local command=$1 package=$2

    PATH=$PATH:/usr/sbin:/sbin command -v "$command" >/dev/null ||
        bench_die "$command is missing: apt-get install $package"
}

# vm_fetch PACKAGE: a package's files, in $vm_cache: downloaded and unpacked once, into the build
# directory, and not installed. Of a package that only names another, that one.
vm_fetch() {
    local package=$1 real

    vm_cache=$bench_build/bench/vm-$package
    [[ ! -e $vm_cache/unpacked ]] || return 0
    real=$(apt-cache depends "$package" |
        awk '$1 == "Depends:" && /linux-image-/ { print $2; exit }')
    bench_note "downloading ${real:-$package}"
    rm -rf "$vm_cache"
    mkdir -p "$vm_cache"
    (cd "$vm_cache" && apt-get download -qq "${real:-$package}" 2>/dev/null) ||
        bench_die "${real:-$package} cannot be downloaded; try: apt-get update"
    dpkg-deb -x "$vm_cache"/*.deb "$vm_cache"
    rm "$vm_cache"/*.deb
    touch "$vm_cache/unpacked"
}

# Sets vm_kernel, and vm_module_dir.
vm_find_kernel() {
    local images

    if [[ $vm_accel == uml ]]; then
        vm_fetch user-mode-linux
        vm_kernel=$vm_cache/usr/bin/linux.uml
    else
        vm_fetch linux-image-cloud-amd64
        images=("$vm_cache"/boot/vmlinuz-*)
        vm_kernel=${images[0]}
    fi
    vm_module_dir=$vm_cache/lib/modules
}

# vm_add_module NAME: copies it into the image, after what it depends on.
vm_add_module() {
    local file depends other

    file=$(find "$vm_module_dir" -name "$1.ko" -print -quit 2>/dev/null || true)
    [[ -n $file ]] || return 0 # built in
    ! grep -qx "$1.ko" "$vm_root/modules/order" || return 0
    depends=$(PATH=$PATH:/sbin modinfo -F depends "$file")
    for other in ${depends//,/ }; do
        vm_add_module "$other"
    done
    cp "$file" "$vm_root/modules/"
    echo "$1.ko" >>"$vm_root/modules/order"
}

# vm_add_program FILE: with the libraries that it needs.
vm_add_program() {
    local library

    cp -L "$1" "$vm_root/bin/"
    ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
        mkdir -p "$vm_root$(dirname "$library")"
        cp -Lu "$library" "$vm_root$library"
    done
}

# Builds $vm_image, which all guests boot from, out of the programs named.
vm_build_image() {
    local program module

    vm_need busybox busybox-static
    vm_need cpio cpio
    vm_need modinfo kmod
    [[ $vm_accel == uml ]] || vm_need qemu-system-x86_64 qemu-system-x86
    vm_find_kernel
    vm_root=$bench_tmp/root
    vm_image=$bench_tmp/image
    mkdir -p "$vm_root/bin" "$vm_root/modules"
    : >"$vm_root/modules/order"
    cp "$(command -v busybox)" "$vm_root/bin/"
    "$vm_root/bin/busybox" --list | while read -r program; do
        ln -s busybox "$vm_root/bin/$program" 2>/dev/null || true
    done
    for module in "${vm_modules[@]}"; do
        vm_add_module "$module"
    done
    for program; do
        vm_add_program "$program"
    done
    install -m 755 "$bench_dir/vm/init.sh" "$vm_root/init"
    (cd "$vm_root" && find . | cpio --quiet -o -H newc) | gzip -1 >"$vm_image"
}

# vm_wire GUEST: the two ends of its command line.
vm_wire() {
    local in out

    mkfifo "$bench_tmp/$1.in" "$bench_tmp/$1.out"
    exec {in}<>"$bench_tmp/$1.in" {out}<>"$bench_tmp/$1.out"
    vm_in[$1]=$in vm_out[$1]=$out
}

# vm_parameters GUEST ADDRESS: what init.sh has to know, on the kernel's command line.
vm_parameters() {
    echo "vm_role=$1 vm_address=$2 vm_descriptors=$vm_descriptors"
}

# vm_start_qemu GUEST MEGABYTES ADDRESS NETWORK: boots it, with one interface.
vm_start_qemu() {
    local guest=$1

    vm_wire "$guest"
    bench_start "$guest" qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none \
        -machine q35,hpet=off "${vm_accel_options[@]}" -smp 1 -m "$2" \
        -kernel "$vm_kernel" -initrd "$vm_image" \
        -append "console=ttyS0 quiet panic=-1 no_timer_check mitigations=off tsc=reliable \
slab_nomerge audit=0 $(vm_parameters "$guest" "$3")" \
        -serial stdio -chardev pipe,id=commands,path="$bench_tmp/$guest" -serial chardev:commands \
        -netdev "$4" -device virtio-net-pci,netdev=net,romfile=
    vm_pid[$guest]=$bench_pid
}

# The command of a guest that is a process of this machine's kernel: User-Mode Linux. Each system
# call in it goes back and forth between two processes, which is much faster on one processor.
# Its programs are told to do without AVX, whose registers it does not keep (fxsave_only.py).
vm_uml_command() {
    local guest=$1 processor=0 avx=AVX_Fast_Unaligned_Load,-AVX,-AVX2,-AVX512F,-AVX512BW,-AVX512VL

    [[ $guest == server ]] || processor=$(($(nproc) - 1))
    vm_command=(taskset -c "$processor" python3 "$bench_dir/vm/fxsave_only.py" "$vm_kernel"
        "mem=$2M" "initrd=$vm_image" rdinit=/init quiet slab_nomerge
        con=null "con0=null,fd:1" "ssl1=fd:${vm_in[$guest]},fd:${vm_out[$guest]}"
        "uml_dir=$bench_tmp/uml" "umid=$guest" "vec0:transport=fd,fd=@cable"
        "GLIBC_TUNABLES=glibc.cpu.hwcaps=-$avx")
    read -ra words < <(vm_parameters "$guest" "$3")
    vm_command+=("${words[@]}")
}

# vm_start_both SERVER_MB CLIENTS_MB: the guests "server" and "clients", with a network between.
vm_start_both() {
    local server

    if [[ $vm_accel == uml ]]; then
        vm_wire server
        vm_wire clients
        vm_uml_command server "$1" 10.0.0.1
        server=("${vm_command[@]}")
        vm_uml_command clients "$2" 10.0.0.2
        bench_start guests python3 "$bench_dir/vm/pair.py" "${server[@]}" -- "${vm_command[@]}"
        vm_pid[server]=$bench_pid vm_pid[clients]=$bench_pid
        ln -s guests.log "$bench_tmp/server.log"
        ln -s guests.log "$bench_tmp/clients.log"
        return
    fi
    vm_start_qemu server "$1" 10.0.0.1 \
        "stream,id=net,server=on,addr.type=unix,addr.path=$bench_tmp/network"
    until [[ -S $bench_tmp/network ]]; do
        kill -0 "$bench_pid" || bench_die "qemu does not start: $(cat "$bench_tmp/server.log")"
        sleep 0.1
    done
    vm_start_qemu clients "$2" 10.0.0.2 \
        "stream,id=net,server=off,addr.type=unix,addr.path=$bench_tmp/network"
}

# vm_read GUEST UNTIL: its next line, in vm_line. False when the time is up, or the guest has ended.
vm_read() {
    local part

    vm_line=
    until IFS= read -r -t 1 -u "${vm_out[$1]}" part; do
        vm_line+=$part # half a line, if its time was up
        [[ $SECONDS -lt $2 ]] && kill -0 "${vm_pid[$1]}" 2>/dev/null || return 1
    done
    vm_line+=$part
}

# vm_await GUEST SECONDS: until it has booted; sets vm_kernel_release. False when it does not.
vm_await() {
    local until=$((SECONDS + $2))

    while vm_read "$1" "$until"; do
        [[ $vm_line == @ready* ]] || continue
        vm_kernel_release=${vm_line#@ready }
        return
    done
    tail -n 20 "$bench_tmp/$1.log" >&2
    return 1
}

# vm_run GUEST SECONDS COMMAND: in the guest, one line of shell; what it printed and its status.
vm_run() {
    local until=$((SECONDS + $2))

    echo "$3" >&"${vm_in[$1]}"
    while vm_read "$1" "$until"; do
        [[ $vm_line != "@end "* ]] || return "${vm_line#@end }"
        echo "$vm_line"
    done
    tail -n 20 "$bench_tmp/$1.log" >&2
    bench_die "the guest '$1' has not answered in $2 s: $3"
}

# vm_stop GUEST: switches it off.
vm_stop() {
    echo "poweroff -f" >&"${vm_in[$1]}"
    for _ in {1..50}; do
        kill -0 "${vm_pid[$1]}" 2>/dev/null || break
        sleep 0.1
    done
    bench_stop "${vm_pid[$1]}"
}

# Does KVM run a guest, and not only say that it would?
vm_kvm_works() {
    [[ -w /dev/kvm ]] || return 1
    vm_start_qemu probe 512 10.0.0.9 user,id=net,restrict=on
    if vm_await probe "$vm_probe_seconds" 2>/dev/null; then
        vm_stop probe
        return
    fi
    bench_stop "${vm_pid[probe]}"
    return 1
}

# vm_set_accel kvm|tcg|uml
vm_set_accel() {
    vm_accel=$1
    case $1 in
    kvm) vm_accel_options=(-accel kvm -cpu host) ;;
    tcg) vm_accel_options=(-accel "tcg,thread=multi,tb-size=512") ;;
    uml) vm_accel_options=() ;;
    *) bench_die "there is no '$1': kvm, tcg or uml" ;;
    esac
}
