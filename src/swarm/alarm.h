/*
 * alarm.h - a callback at a time of the monotonic clock, precise to microseconds.
 *
 * A timerfd of its own: event loops round their timeouts to milliseconds, or else pay for precision
 * with a system call at every turn. An alarm belongs to whoever declares it; one thread.
 */
#ifndef STENTOR_SWARM_ALARM_H
#define STENTOR_SWARM_ALARM_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

struct alarm {
    unsigned magic;
    struct event event;
    void (*ring)(void *arg);
    void *arg;
};

/* False when there is no descriptor for it. */
bool alarm_open(struct alarm *alarm, struct event_base *base, void (*ring)(void *arg),
                void *arg) MUST_CHECK;

/* Does nothing to an alarm that was never opened (zeroed). */
void alarm_close(struct alarm *alarm);

/* Rings once at that time, instead of at any other; at once if it has passed. */
void alarm_set(struct alarm *alarm, uint64_t at_ns);

void alarm_cancel(struct alarm *alarm);

#endif
