/*
 * acceptor.h - the stage that accepts connections and hands them round-robin to the I/O threads.
 *
 * One thread; it does neither TLS nor HTTP. When descriptors or memory are out it pauses all
 * listeners for a time that grows while the trouble lasts and decays afterwards; at max_clients it
 * stops listening to new clients (admin listeners go on) until somebody has left.
 */
#ifndef STENTORD_ACCEPTOR_H
#define STENTORD_ACCEPTOR_H

#include "listener.h"
#include "stage.h"
#include "stats.h"
#include "stentor/base/ratelimit.h"

struct accepted_mail;
struct server;

struct acceptor {
    struct stage stage;
    struct server *server;
    struct stats stats;
    struct config *config;
    struct listener **listeners;    /* in the order of config->listeners */
    struct accepted_mail **batches; /* one per I/O thread, while connections are being accepted */
    unsigned next;                  /* the I/O thread whose turn it is */
    int max_clients;                /* connections; admins get in even when they are that many */
    struct ratelimit rate;          /* accept_rate */
    unsigned pause_ms;
    bool full; /* paused because of max_clients */
    struct event resume;
};

/* Opens all listeners. False after a mistake, which has been logged. */
bool acceptor_init(struct acceptor *acceptor, struct server *server) MUST_CHECK;

/* Another configuration. `listeners` has its listeners in their order, and becomes the acceptor's;
 * where there is NULL, the one at that index of `kept` in the old order stays open. */
void acceptor_set_config(struct acceptor *acceptor, struct config *config,
                         struct listener **listeners, const size_t *kept);

/* No new clients any more: closes their listeners and leaves those for admins open. */
void acceptor_refuse_clients(struct acceptor *acceptor);

/* Closes the listeners, so that clients which come back at once are refused instead of forgotten.
 * The thread must have ended. */
void acceptor_close(struct acceptor *acceptor);
void acceptor_destroy(struct acceptor *acceptor);

#endif
