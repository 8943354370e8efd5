/*
 * server.h - the whole: which stages there are, in which order they start and stop.
 *
 * Made and run by the main thread. While it runs, other threads use only what is marked: constant,
 * or atomic, or a stage to post to.
 */
#ifndef STENTORD_SERVER_H
#define STENTORD_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "acceptor.h"
#include "broadcast.h"
#include "config.h"
#include "dialect.h"
#include "drain.h"
#include "handover.h"
#include "limits.h"
#include "numbering.h"
#include "reload.h"
#include "stats.h"
#include "stentor/base/ratelimit.h"
#include "tls_ticket.h"
#include "watch.h"

struct io_thread;

struct server {
    struct stage main;          /* the main thread, to post to; it is not started */
    struct config *config;      /* of the main thread alone: others have references of their own */
    struct reload_state reload; /* of the main thread */
    struct drain drain;         /* the same */
    uint64_t started_ms;        /* constant */
    uint8_t ticket_seed[TLS_TICKET_SEED];     /* of the threads' ticket keys; then forgotten */
    unsigned io_thread_count;                 /* constant */
    struct io_thread *io_threads;             /* their stages, to post to */
    struct broadcast broadcast;               /* its stage, to post to */
    struct acceptor acceptor;                 /* the same */
    atomic_uint dialect_users[DIALECT_COUNT]; /* connected sessions */
    atomic_int open_conns;
    struct limits limits;               /* atomic */
    struct watch watch;                 /* of the main thread */
    struct handover handover;           /* its stage, to post to; and atomic */
    _Atomic uint64_t adopting_until_ms; /* of the monotonic clock: another server's clients come */
    struct numbering numbering;         /* of the broadcast stage; others look at it */
    struct ratelimit publish_limit;     /* atomic */
    atomic_size_t publish_in_flight;    /* bytes of messages that not all threads have accepted */
    atomic_size_t directed_in_flight;   /* bytes of directed messages on their way */
    struct event term, interrupt, hangup, reopen; /* of the main thread */
};

/* Serves until SIGTERM or SIGINT, and gives the configuration back. `on_ready` is called once
 * everything runs. 0, or 1 after a failure, which has been logged. */
int server_run(struct config *config, void (*on_ready)(void *arg), void *arg);

static inline unsigned server_dialect_users(struct server *server, enum dialect dialect)
{
    return atomic_load_explicit(&server->dialect_users[dialect], memory_order_relaxed);
}

static inline int server_open_conns(struct server *server)
{
    return atomic_load_explicit(&server->open_conns, memory_order_relaxed);
}

static inline void server_count_conn(struct server *server, int change)
{
    atomic_fetch_add_explicit(&server->open_conns, change, memory_order_relaxed);
}

/* Do messages that have been submitted wait in such numbers that publishers should wait, too? */
bool server_overloaded(struct server *server, const struct config *config);

/* The main thread: takes over what it does itself of server->config. */
void server_apply_config(struct server *server);

/* The main thread: where lines are written. False when a file cannot be opened, which is logged. */
bool server_open_logs(const struct server *server) MUST_CHECK;

/* The stages that run as threads: the acceptor, the I/O threads, the broadcast stage. */
static inline unsigned server_stage_count(const struct server *server)
{
    return server->io_thread_count + 2;
}

const struct stage *server_stage(const struct server *server, unsigned i);

/* The counters of the i-th of them. */
const struct stats *server_stage_stats(const struct server *server, unsigned i);

/* Seconds since the start. */
uint64_t server_uptime(const struct server *server);

/* Does it drain, or stop? */
static inline bool server_is_stopping(const struct server *server)
{
    return server->drain.phase != DRAIN_NONE;
}

/* The sum of all threads' counters. */
void server_sum_stats(const struct server *server, struct stats *sum);

#endif
