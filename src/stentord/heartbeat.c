#include "heartbeat.h"

#include "io_thread.h"
#include "stentor/base/clock.h"

/* The times of the machine's uptime in milliseconds that the field holds: 146 million years. */
#define HEARTBEAT_TIME ((UINT64_C(1) << 62) - 1)

static uint64_t heartbeat_interval(const struct io_thread *thread)
{
    return (uint64_t)thread->config->ping_interval;
}

static uint64_t heartbeat_timeout(const struct io_thread *thread)
{
    return (uint64_t)thread->config->ping_timeout;
}

static void heartbeat_set(struct heartbeat *heartbeat, uint64_t due_ms)
{
    heartbeat->due_ms = due_ms & HEARTBEAT_TIME;
}

static uint64_t heartbeat_overdue_ms(const struct io_thread *thread)
{
    return clock_ms() + heartbeat_interval(thread) + heartbeat_timeout(thread);
}

void heartbeat_start(struct heartbeat *heartbeat, struct io_thread *thread, bool theirs)
{
    heartbeat->theirs = theirs;
    heartbeat->awaiting = false;
    heartbeat_set(heartbeat,
                  theirs ? heartbeat_overdue_ms(thread) : io_thread_first_ping(thread, clock_ms()));
}

void heartbeat_stop(struct heartbeat *heartbeat)
{
    heartbeat->awaiting = false;
    heartbeat->due_ms = 0;
}

bool heartbeat_heard(struct heartbeat *heartbeat, struct io_thread *thread)
{
    if (heartbeat->theirs && heartbeat->due_ms != 0) {
        heartbeat_set(heartbeat, heartbeat_overdue_ms(thread));
        return true;
    }
    if (!heartbeat->awaiting)
        return false;
    stats_observe(&thread->stats.pong_delay, (clock_ms() - heartbeat->due_ms) * 1000);
    heartbeat->awaiting = false;
    heartbeat_set(heartbeat, heartbeat->due_ms + heartbeat_interval(thread));
    return true;
}

bool heartbeat_is_due(const struct heartbeat *heartbeat)
{
    return !heartbeat->awaiting && !heartbeat->theirs && heartbeat->due_ms != 0 &&
           clock_ms() >= heartbeat->due_ms;
}

void heartbeat_sent(struct heartbeat *heartbeat, struct io_thread *thread)
{
    heartbeat->awaiting = true;
    stats_add(&thread->stats.pings, 1);
}

uint64_t heartbeat_doom_ms(const struct heartbeat *heartbeat, const struct io_thread *thread)
{
    if (heartbeat->awaiting)
        return heartbeat->due_ms + heartbeat_timeout(thread);
    return heartbeat->theirs && heartbeat->due_ms != 0 ? heartbeat->due_ms : UINT64_MAX;
}

uint64_t heartbeat_deadline_ms(const struct heartbeat *heartbeat, const struct io_thread *thread)
{
    if (heartbeat->awaiting || heartbeat->due_ms == 0)
        return heartbeat_doom_ms(heartbeat, thread);
    return heartbeat->due_ms;
}
