/*
 * drain.h - the server's end: no new clients, and those that there are leave spread over time.
 *
 * Two phases. While draining, new clients are refused, and everything else goes on; client
 * listeners are closed as soon as no client needs a new connection for its polls. Of the clients,
 * an even share leaves in each tick, each with everything that was published until then. When the
 * time is over, or nobody is left, the server stops: whoever is still there is told at once and has
 * a few seconds to go.
 *
 * A client leaves by losing its transport in good order, since that is what makes the clients of
 * all protocols come back by themselves: a close frame with 1001, Engine.IO's close packet, the end
 * of the stream. (A Socket.IO disconnect packet would make them stay away.)
 *
 * struct drain belongs to the main thread, struct farewell to its I/O thread.
 */
#ifndef STENTORD_DRAIN_H
#define STENTORD_DRAIN_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/mailbox.h"

struct io_thread;
struct server;

enum drain_phase { DRAIN_NONE, DRAIN_RUNNING, DRAIN_STOPPING };

struct drain {
    enum drain_phase phase;
    uint64_t end_ms;            /* of the phase */
    struct drain_mail *running; /* for each phase, one mail per I/O thread */
    struct mail *stopping;
    struct mail to_acceptor;
    struct event poll; /* are they gone? */
};

/* One I/O thread's share. */
struct farewell {
    bool draining;
    uint64_t end_ms;
    uint64_t last_ms;
    double due;         /* clients that should have left by now; a part of one is carried on */
    uint32_t next_slot; /* of the cursor whose session is the next to be told */
};

/* False when memory is out. */
bool drain_init(struct server *server);
void drain_destroy(struct server *server);

/* Begins: over that many seconds; with 0 the server stops at once. Asked again, a server that
 * drains stops, and one that stops ends. */
void drain_begin(struct server *server, unsigned seconds);

/* The server's I/O threads, each tick: tells those whose turn it is. */
void drain_tick(struct io_thread *thread, uint64_t now_ms);

#endif
