/*
 * wheel.h - deadlines of very many objects, each set, moved and cancelled in O(1).
 *
 * One wheel belongs to one thread, which calls wheel_advance about once a tick. A timer is embedded
 * in its object, costs 24 bytes there and nothing in the wheel. Deadlines are kept to the tick,
 * never early; one that lies more than a turn ahead stays in its slot for the next turn.
 */
#ifndef STENTOR_BASE_WHEEL_H
#define STENTOR_BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "stentor/base/compiler.h"

enum {
    WHEEL_SLOTS = 2048, /* a power of two */
    WHEEL_TICK_MS = 20, /* so one turn is about 41 s */
};

struct wheel_timer {
    LIST_ENTRY(wheel_timer) link;
    uint64_t tick; /* of the deadline; 0: not set */
};

struct wheel {
    LIST_HEAD(wheel_slot, wheel_timer) slots[WHEEL_SLOTS];
    uint64_t now; /* the tick up to which everything has expired */
    unsigned count;
};

void wheel_init(struct wheel *wheel, uint64_t now_ms);

/* Sets or moves the deadline of `timer`. */
void wheel_set(struct wheel *wheel, struct wheel_timer *timer, uint64_t deadline_ms);

/* Does nothing to a timer that is not set. */
void wheel_cancel(struct wheel *wheel, struct wheel_timer *timer);

static inline bool wheel_is_set(const struct wheel_timer *timer)
{
    return timer->tick != 0;
}

/* Calls `expired` for each timer whose deadline has come; it is not set any more by then, and the
 * callback may set or cancel any timer. */
void wheel_advance(struct wheel *wheel, uint64_t now_ms,
                   void (*expired)(struct wheel_timer *timer, void *arg), void *arg);

#endif
