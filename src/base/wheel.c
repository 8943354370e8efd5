#include "stentor/base/wheel.h"

static struct wheel_slot *wheel_slot_of(struct wheel *wheel, uint64_t tick)
{
    return &wheel->slots[tick & (WHEEL_SLOTS - 1)];
}

void wheel_init(struct wheel *wheel, uint64_t now_ms)
{
    for (unsigned i = 0; i < WHEEL_SLOTS; i++)
        LIST_INIT(&wheel->slots[i]);
    wheel->now = now_ms / WHEEL_TICK_MS;
    wheel->count = 0;
}

void wheel_set(struct wheel *wheel, struct wheel_timer *timer, uint64_t deadline_ms)
{
    uint64_t tick = (deadline_ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;

    wheel_cancel(wheel, timer);
    if (tick <= wheel->now)
        tick = wheel->now + 1; /* that slot is the next to be looked at */
    timer->tick = tick;
    LIST_INSERT_HEAD(wheel_slot_of(wheel, tick), timer, link);
    wheel->count++;
}

void wheel_cancel(struct wheel *wheel, struct wheel_timer *timer)
{
    if (timer->tick == 0)
        return;
    LIST_REMOVE(timer, link);
    timer->tick = 0;
    wheel->count--;
}

/* The callbacks change lists, this slot's among them, so what is due moves to a list of its own
 * first; cancelling a timer there works as anywhere else. */
static void wheel_expire_slot(struct wheel *wheel, uint64_t tick,
                              void (*expired)(struct wheel_timer *timer, void *arg), void *arg)
{
    struct wheel_slot due = LIST_HEAD_INITIALIZER(due);
    struct wheel_timer *timer, *next;

    for (timer = LIST_FIRST(wheel_slot_of(wheel, tick)); timer != NULL; timer = next) {
        next = LIST_NEXT(timer, link);
        if (timer->tick > tick)
            continue;
        LIST_REMOVE(timer, link);
        LIST_INSERT_HEAD(&due, timer, link);
    }
    while ((timer = LIST_FIRST(&due)) != NULL) {
        wheel_cancel(wheel, timer);
        expired(timer, arg);
    }
}

void wheel_advance(struct wheel *wheel, uint64_t now_ms,
                   void (*expired)(struct wheel_timer *timer, void *arg), void *arg)
{
    uint64_t target = now_ms / WHEEL_TICK_MS;

    /* After a long pause one turn visits every slot. */
    if (target > wheel->now + WHEEL_SLOTS)
        wheel->now = target - WHEEL_SLOTS;
    while (wheel->now < target) {
        wheel->now++;
        wheel_expire_slot(wheel, wheel->now, expired, arg);
    }
}
