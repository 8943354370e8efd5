/*
 * listener.h - listening sockets: made by the main thread, then owned by the acceptor.
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
    char *path;              /* of a unix socket, to be removed at the end; NULL: none */
    struct acceptor *acceptor;
    struct event event;
};

/* Opens, binds and listens. NULL after a mistake, of which `error` says what it is and what to do.
 */
struct listener *listener_open(const struct config *config, const struct config_listener *wanted,
                               struct strbuf *error) MUST_CHECK;
void listener_close(struct listener *listener);

/* Other values of the options that connections inherit from the socket they come by. */
void listener_set_config(struct listener *listener, const struct config *config,
                         const struct config_listener *wanted);

/* Logs the address, with the port that was chosen, after a word such as "on". */
void listener_log(const struct listener *listener, const char *word);

#endif
