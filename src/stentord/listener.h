/*
 * listener.h - listening sockets: made by the main thread at start, used by the acceptor.
 */
#ifndef STENTORD_LISTENER_H
#define STENTORD_LISTENER_H

#include <event2/event_struct.h>
#include <stdbool.h>

#include "config.h"

struct acceptor;

struct listener {
    int fd;
    bool admin;
    struct tls_context *tls; /* for new connections; NULL: plain */
    bool proxied;            /* they begin with a header of the PROXY protocol */
    uint16_t redirect;       /* the port of https that they are sent to; 0: they are served */
    const char *path;        /* of a unix socket, to be removed at the end; NULL: none */
    struct acceptor *acceptor;
    struct event event;
};

/* Opens, binds and listens; logs the address, with the port that was chosen. False after a mistake,
 * which has been logged. */
bool listener_open(struct listener *listener, const struct config *config,
                   const struct config_listener *wanted) MUST_CHECK;
void listener_close(struct listener *listener);

#endif
