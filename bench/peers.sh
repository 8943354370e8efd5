# Other servers, to be measured beside stentord: nchan, and Socket.IO's own. They run unprivileged
# on loopback from $bench_tmp, and what they need is installed when it is missing.
# Sourced behind lib.sh. What is measured with which version goes to $bench_tmp/peers.
# shellcheck shell=bash disable=SC2034,SC2154 # the scripts use what is set here; lib.sh set others

peers_nchan_module=/usr/lib/nginx/modules/ngx_nchan_module.so
peers_socketio_version=4.8.4

# peers_install COMMAND PACKAGE...: unless the command, or the file, is there.
peers_install() {
    local what=$1 as_root=(env DEBIAN_FRONTEND=noninteractive)

    shift
    if [[ $what == /* && -e $what ]] || PATH=$PATH:/usr/sbin command -v "$what" >/dev/null; then
        return
    fi
    command -v apt-get >/dev/null || bench_die "$what is missing: install it, or leave it out (-w)"
    bench_note "installing: $*"
    [[ $(id -u) -eq 0 ]] || as_root=(sudo "${as_root[@]}")
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

peers_free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# What a long-poll client needs, and no more: no log, no limit that ends a connection, messages
# that stay long enough for a client that is late.
peers_nchan_config() {
    local directory=$1 port=$2 clients=$3

    cat <<CONFIG
load_module $peers_nchan_module;
daemon off;
worker_processes 1;
pid $directory/nginx.pid;
error_log stderr notice;
events {
    worker_connections $((clients + 1000));
    multi_accept on;
}
http {
    access_log off;
    client_body_temp_path $directory/body;
    proxy_temp_path $directory/proxy;
    fastcgi_temp_path $directory/fastcgi;
    uwsgi_temp_path $directory/uwsgi;
    scgi_temp_path $directory/scgi;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    server {
        listen 127.0.0.1:$port backlog=4096;
        location ~ ^/publish/([^/]+)\$ {
            nchan_publisher;
            nchan_channel_id \$1;
            nchan_message_buffer_length 10000;
            nchan_message_timeout 1h;
        }
        location ~ ^/poll/([^/]+)\$ {
            nchan_subscriber longpoll;
            nchan_channel_id \$1;
        }
    }
}
CONFIG
}

# peers_start_nchan NAME CLIENTS: sets bench_pid (of the worker, which does the work) and
# bench_clients. Clients poll /poll/CHANNEL, and publishers post to /publish/CHANNEL.
peers_start_nchan() {
    local name=$1 clients=$2 directory=$bench_tmp/$1 port nginx

    peers_install nginx nginx-light
    peers_install "$peers_nchan_module" libnginx-mod-nchan
    nginx=$(PATH=$PATH:/usr/sbin command -v nginx)
    port=$(peers_free_port)
    mkdir "$directory"
    peers_nchan_config "$directory" "$port" "$clients" >"$bench_tmp/$name.conf"
    bench_start "$name" "$nginx" -p "$directory" -c "$bench_tmp/$name.conf" -e stderr
    bench_wait_line "$name" "$bench_pid" "start worker process [0-9]"
    bench_pid=$(sed -n 's/.*start worker process //p' "$bench_tmp/$name.log" | head -n 1)
    bench_clients=127.0.0.1:$port
    echo "nchan $(dpkg-query -W -f '${Version}' libnginx-mod-nchan 2>/dev/null || echo unknown)," \
        "$("$nginx" -v 2>&1 | sed 's/.*: //')" >>"$bench_tmp/peers"
}

# peers_start_socketio NAME: sets bench_pid and bench_clients. What was installed is used again.
peers_start_socketio() {
    local name=$1 directory=$bench_tmp/socketio-modules

    peers_install node nodejs
    peers_install npm npm
    [[ -d $directory ]] || peers_install_socketio "$directory"
    bench_start "$name" node "$bench_dir/socketio.mjs" "$directory" "${peers_transports:-polling}"
    bench_wait_line "$name" "$bench_pid" "listen: clients"
    bench_clients=$(bench_address_of "$name" clients)
}

peers_install_socketio() {
    local directory=$1

    mkdir "$directory"
    npm install --prefix "$directory" --no-audit --no-fund --loglevel=error \
        "socket.io@$peers_socketio_version" >"$bench_tmp/npm.log" 2>&1 || {
        cat "$bench_tmp/npm.log" >&2
        bench_die "npm could not install socket.io: see above, or leave it out (-w)"
    }
    echo "socket.io $peers_socketio_version, Node.js $(node --version)" >>"$bench_tmp/peers"
}
