#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Accepted sockets inherit these, so they cost no system call per connection. */
static void listener_set_options(int fd, const struct config *config)
{
    int nodelay = config->tcp_nodelay, seconds = 1;

    /* A connection is worth waking up for when its request is there. */
    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, sizeof(nodelay));
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &config->max_unsent,
               sizeof(config->max_unsent)); /* 0: as the system has it */
}

static int listener_bind(int fd, const struct config *config, const union listener_address *address,
                         socklen_t len)
{
    int on = 1;

    if (address->any.sa_family == AF_UNIX) {
        listener_remove_stale(address, len);
    } else {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (address->any.sa_family == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        listener_set_options(fd, config);
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

void listener_log(const struct listener *listener, const char *word)
{
    const char *whom = listener->admin ? "admin" : "clients";
    const char *how = listener->tls != NULL ? ", TLS" : "";
    union listener_address address;
    socklen_t len = sizeof(address);
    char text[INET6_ADDRSTRLEN] = "";

    getsockname(listener->fd, &address.any, &len);
    if (address.any.sa_family == AF_UNIX) {
        log_info("listen", "%s %s unix:%s%s", whom, word, listener->path, how);
    } else if (address.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address.in.sin_addr, text, sizeof(text));
        log_info("listen", "%s %s %s:%u%s", whom, word, text, ntohs(address.in.sin_port), how);
    } else {
        inet_ntop(AF_INET6, &address.in6.sin6_addr, text, sizeof(text));
        log_info("listen", "%s %s [%s]:%u%s", whom, word, text, ntohs(address.in6.sin6_port), how);
    }
}

static const char *listener_hint(int error)
{
    switch (error) {
    case EACCES:
        return "; ports below 1024 and directories of root are for a process that starts as root, "
               "and until it has become another user: then only a restart opens them";
    case EADDRINUSE:
        return "; another program listens there, or a listener of this server that overlaps";
    case EADDRNOTAVAIL:
        return "; this machine does not have the address (yet)";
    default:
        return "";
    }
}

static struct listener *listener_new(const struct config_listener *wanted)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    bool local = strncmp(wanted->address, "unix:", 5) == 0;

    if (listener == NULL)
        return NULL;
    listener->fd = -1;
    listener->admin = wanted->admin;
    listener->tls = wanted->tls_context;
    listener->proxied = wanted->proxy_protocol;
    listener->redirect = (uint16_t)wanted->redirect;
    if (!local || (listener->path = strdup(wanted->address + 5)) != NULL)
        return listener;
    free(listener);
    return NULL;
}

struct listener *listener_open(const struct config *config, const struct config_listener *wanted,
                               struct strbuf *error)
{
    struct listener *listener = listener_new(wanted);
    union listener_address address;
    socklen_t len = listener_parse(wanted, &address);
    int result = -ENOMEM;

    if (listener != NULL) {
        listener->fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        result = listener->fd < 0 ? -errno : listener_bind(listener->fd, config, &address, len);
    }
    if (result == 0)
        return listener;
    strbuf_printf(error, "%s port %d: %s%s", wanted->address, wanted->port, strerror(-result),
                  listener_hint(-result));
    if (listener != NULL) {
        if (listener->fd >= 0)
            close(listener->fd);
        free(listener->path);
        free(listener);
    }
    return NULL;
}

void listener_set_config(struct listener *listener, const struct config *config,
                         const struct config_listener *wanted)
{
    listener->admin = wanted->admin;
    listener->tls = wanted->tls_context;
    listener->proxied = wanted->proxy_protocol;
    listener->redirect = (uint16_t)wanted->redirect;
    listen(listener->fd, config->listen_backlog);
    if (listener->path == NULL)
        listener_set_options(listener->fd, config);
}

void listener_close(struct listener *listener)
{
    close(listener->fd);
    if (listener->path != NULL)
        unlink(listener->path);
    free(listener->path);
    free(listener);
}
