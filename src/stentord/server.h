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
#include "static_files.h"
#include "stats.h"
#include "stentor/base/ratelimit.h"
#include "tls_ticket.h"

struct io_thread;

struct server {
    struct config *config;                /* constant */
    struct static_files static_files;     /* constant */
    uint64_t started_ms;                  /* constant */
    uint8_t ticket_seed[TLS_TICKET_SEED]; /* of the threads' ticket keys; then forgotten */
    unsigned io_thread_count;             /* constant */
    struct io_thread *io_threads;         /* their stages, to post to */
    struct broadcast broadcast;           /* its stage, to post to */
    struct acceptor acceptor;
    atomic_uint dialect_users[DIALECT_COUNT]; /* connected sessions */
    atomic_int open_conns;
    _Atomic uint64_t newest_seq;      /* that the broadcast stage has given out */
    struct ratelimit publish_limit;   /* atomic */
    atomic_size_t publish_in_flight;  /* bytes of messages that not all threads have accepted */
    atomic_size_t directed_in_flight; /* bytes of directed messages on their way */
    struct mail *goodbyes;            /* one per I/O thread */
    struct event_base *base;          /* of the main thread */
    struct event term, interrupt, hangup, poll;
    uint64_t give_up_ms; /* while stopping */
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
bool server_overloaded(struct server *server);

/* The sum of all threads' counters. */
void server_sum_stats(const struct server *server, struct stats *sum);

#endif
