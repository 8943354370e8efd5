/*
 * heartbeat.h - when a client is to be pinged, and when it has been silent for too long: the one
 * rule for WebSockets and for sessions that poll, whoever of the two sides it is that pings.
 *
 * The server's pings are ping_interval apart, however late the pongs come, and something has to be
 * heard within ping_timeout of each. A client that pings by itself (Engine.IO 3) has to be heard of
 * within both together.
 *
 * Part of a connection or a session, and belongs to its I/O thread. Whoever it is part of has the
 * timer, and sends.
 */
#ifndef STENTORD_HEARTBEAT_H
#define STENTORD_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

struct io_thread;

struct heartbeat {
    /* When the next ping is due, or that which is out was; a client that pings by itself: when it
     * is overdue. 0: there are no heartbeats. */
    uint64_t due_ms : 62;
    uint64_t awaiting : 1; /* a ping is out, and nothing has been heard since */
    uint64_t theirs : 1;   /* the client pings */
};

/* Begins; the first ping has a place of its own in the interval (ping_spread). */
void heartbeat_start(struct heartbeat *heartbeat, struct io_thread *thread, bool theirs);
void heartbeat_stop(struct heartbeat *heartbeat);

/* A sign of life. True: the deadlines have changed. */
bool heartbeat_heard(struct heartbeat *heartbeat, struct io_thread *thread);

/* Has the time of the next ping come? A timer may be there for something else. */
bool heartbeat_is_due(const struct heartbeat *heartbeat);

/* A ping goes out now; it is due. */
void heartbeat_sent(struct heartbeat *heartbeat, struct io_thread *thread);

/* When the client has been silent for too long, unless it is heard of before; UINT64_MAX: not in
 * sight. */
uint64_t heartbeat_doom_ms(const struct heartbeat *heartbeat, const struct io_thread *thread);

/* When there is something to do, a ping or the end; UINT64_MAX: nothing. */
uint64_t heartbeat_deadline_ms(const struct heartbeat *heartbeat, const struct io_thread *thread);

#endif
