#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "privileges.h"
#include "stentor/base/log.h"

union listener_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
    struct sockaddr_storage storage;
};

/* The address was checked when the configuration was read. */
static socklen_t listener_parse(const struct config_listener *wanted,
                                union listener_address *address)
{
    memset(address, 0, sizeof(*address));
    if (strncmp(wanted->address, "unix:", 5) == 0) {
        address->un.sun_family = AF_UNIX;
        strcpy(address->un.sun_path, wanted->address + 5);
        return sizeof(address->un);
    }
    if (inet_pton(AF_INET, wanted->address, &address->in.sin_addr) == 1) {
        address->in.sin_family = AF_INET;
        address->in.sin_port = htons((uint16_t)wanted->port);
        return sizeof(address->in);
    }
    inet_pton(AF_INET6, wanted->address, &address->in6.sin6_addr);
    address->in6.sin6_family = AF_INET6;
    address->in6.sin6_port = htons((uint16_t)wanted->port);
    return sizeof(address->in6);
}

/* Removes the socket that a server which was killed left behind: one that refuses connections.
 * That of a server which runs, and anything that is not a socket, stays. */
static void listener_remove_stale(const union listener_address *address, socklen_t len)
{
    struct stat st;
    int fd;

    if (stat(address->un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, &address->any, len) < 0 && errno == ECONNREFUSED)
        unlink(address->un.sun_path);
    close(fd);
}

static int listener_bind(int fd, const struct config *config, const union listener_address *address,
                         socklen_t len)
{
    int on = 1, seconds = 1;

    if (address->any.sa_family == AF_UNIX) {
        listener_remove_stale(address, len);
    } else {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (address->any.sa_family == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        /* A connection is worth waking up for when its request is there. */
        setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
        /* Accepted sockets inherit these, so they cost no system call per connection. */
        if (config->tcp_nodelay)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (config->max_unsent > 0)
            setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &config->max_unsent,
                       sizeof(config->max_unsent));
    }
    /* A unix socket is for the server's user and group from its first moment on. */
    mode_t mask = umask(S_IXUSR | S_IXGRP | S_IRWXO);
    int result = bind(fd, &address->any, len);
    umask(mask);
    if (result < 0)
        return -errno;
    if (address->any.sa_family == AF_UNIX)
        privileges_give(config, address->un.sun_path);
    return listen(fd, config->listen_backlog) < 0 ? -errno : 0;
}

static void listener_log(const struct listener *listener)
{
    const char *whom = listener->admin ? "admin" : "clients";
    const char *how = listener->tls != NULL ? ", TLS" : "";
    union listener_address address;
    socklen_t len = sizeof(address);
    char text[INET6_ADDRSTRLEN] = "";

    getsockname(listener->fd, &address.any, &len);
    if (address.any.sa_family == AF_UNIX) {
        log_info("listen", "%s on unix:%s%s", whom, listener->path, how);
    } else if (address.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address.in.sin_addr, text, sizeof(text));
        log_info("listen", "%s on %s:%u%s", whom, text, ntohs(address.in.sin_port), how);
    } else {
        inet_ntop(AF_INET6, &address.in6.sin6_addr, text, sizeof(text));
        log_info("listen", "%s on [%s]:%u%s", whom, text, ntohs(address.in6.sin6_port), how);
    }
}

bool listener_open(struct listener *listener, const struct config *config,
                   const struct config_listener *wanted)
{
    union listener_address address;
    socklen_t len = listener_parse(wanted, &address);
    int error;

    *listener = (struct listener){
        .fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
        .admin = wanted->admin,
        .tls = wanted->tls_context,
        .proxied = wanted->proxy_protocol,
        .redirect = (uint16_t)wanted->redirect,
    };
    error = listener->fd < 0 ? -errno : listener_bind(listener->fd, config, &address, len);
    if (error < 0) {
        log_error("listen", "%s port %d: %s", wanted->address, wanted->port, strerror(-error));
        if (listener->fd >= 0)
            close(listener->fd);
        return false;
    }
    if (address.any.sa_family == AF_UNIX)
        listener->path = wanted->address + 5;
    listener_log(listener);
    return true;
}

void listener_close(struct listener *listener)
{
    close(listener->fd);
    if (listener->path != NULL)
        unlink(listener->path);
}
