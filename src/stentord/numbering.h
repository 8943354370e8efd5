/*
 * numbering.h - the numbers of messages (seq): who gives them, and which can be known to a client.
 *
 * By itself the server numbers its messages one by one, from the microsecond of its start on. A
 * publisher that gives the same messages to several servers may number them instead, each with the
 * microsecond at which it publishes it. Servers that are given the same numbers are one to their
 * clients: what a client has from one of them tells another what it lacks. One of these may have
 * yet to get a message that the client has already.
 *
 * The server has one. The broadcast stage advances it; every thread may look at it.
 */
#ifndef STENTORD_NUMBERING_H
#define STENTORD_NUMBERING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

struct numbering {
    _Atomic uint64_t newest; /* of a message that was published here */
    atomic_bool given;       /* some were numbered by their publishers */
};

void numbering_init(struct numbering *numbering, uint64_t head);

static inline uint64_t numbering_newest(const struct numbering *numbering)
{
    return atomic_load_explicit(&numbering->newest, memory_order_relaxed);
}

/* The broadcast stage: the number of the next message, for which its publisher wants `wanted`,
 * which is above the newest, or 0: none. */
uint64_t numbering_advance(struct numbering *numbering, uint64_t wanted);

/* Can that be the number of a message that a client has from this server, or from one that is given
 * the same numbers? */
bool numbering_knows(const struct numbering *numbering, uint64_t seq) MUST_CHECK;

/* NULL, or why a publisher cannot give that number. That it is not above the newest is found out by
 * the broadcast stage. */
const char *numbering_refusal(uint64_t wanted) MUST_CHECK;

#endif
