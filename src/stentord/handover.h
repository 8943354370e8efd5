/*
 * handover.h - the server that takes over gets what is kept of clients, while this one drains.
 *
 * With the option `successor`, what the home of a client (recovery.h) would keep of it goes to the
 * admin listener of another server instead, which the client finds when it comes back. All records
 * that have come meanwhile are one request, POST /adopt, and the next one waits for its answer.
 *
 * A stage: it has its thread while the server drains. struct handover belongs to that thread (to
 * the main thread before it runs and after it has ended), but for what is said to be atomic.
 */
#ifndef STENTORD_HANDOVER_H
#define STENTORD_HANDOVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "recovery_record.h"
#include "stage.h"

enum { HANDOVER_URL = 96 };

struct evhttp_connection;
struct handover_parcel;
struct io_thread;
struct server;

STAILQ_HEAD(handover_list, handover_parcel);

struct handover {
    struct stage stage;
    char successor[HANDOVER_URL];
    struct evhttp_connection *http;
    struct handover_list waiting; /* for the next request */
    bool busy;                    /* one is under way, */
    unsigned sent;                /* with so many records */
    unsigned failed;              /* records that the successor has not taken */
    atomic_bool active;
    atomic_uint outstanding; /* records that have not been answered */
};

/* NULL, or what is wrong with it as the URL of an admin listener: http://ADDRESS:PORT, with an
 * address and not a name, which would have to be looked up. */
const char *handover_url_error(const char *url);

/* The main thread: begins, if the configuration names a successor. False when it cannot. */
bool handover_start(struct server *server);

/* The main thread, when the I/O threads have ended: the end. */
void handover_stop(struct handover *handover);

/* Any thread: do records go to a successor? */
static inline bool handover_active(struct handover *handover)
{
    return atomic_load_explicit(&handover->active, memory_order_relaxed);
}

/* Any thread: how many are on their way. */
static inline unsigned handover_outstanding(struct handover *handover)
{
    return atomic_load_explicit(&handover->outstanding, memory_order_relaxed);
}

/* An I/O thread: gives away what is kept of the client with that pid. Takes over the record. */
void handover_give(struct handover *handover, struct io_thread *thread,
                   const uint8_t pid[SESSION_ID_BYTES], struct recovery_record *record);

#endif
