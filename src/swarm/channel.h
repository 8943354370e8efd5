/*
 * channel.h - messages to and from another process, over two descriptors.
 *
 * Each message is a MessagePack array of its type and its bytes, which an archive makes and reads.
 * Sending never waits: what the other side does not take is kept. The channel owns its descriptors
 * and belongs to its caller; one thread.
 */
#ifndef STENTOR_SWARM_CHANNEL_H
#define STENTOR_SWARM_CHANNEL_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"
#include "stentor/base/strbuf.h"

/* What a controller and its agents say to each other; the one who says it comes first. */
enum channel_type {
    CHANNEL_SETUP,   /* controller: version, arguments, payloads */
    CHANNEL_HELLO,   /* agent: version, the boot id of its machine */
    CHANNEL_CLOCK,   /* controller: its time; agent: the same, and its own */
    CHANNEL_ROLE,    /* controller: index, count, whether it publishes, clock offset */
    CHANNEL_READY,   /* agent */
    CHANNEL_REFUSED, /* agent: why it cannot take part */
    CHANNEL_BEGIN,   /* controller: phase, round, time */
    CHANNEL_STATUS,  /* agent: status */
    CHANNEL_NOTE,    /* agent: to which agent, or all, and what; controller: from which, the same */
    CHANNEL_ANSWERS, /* controller: nothing, to the publisher; it: answers; controller: the same */
    CHANNEL_FINISH,  /* controller */
    CHANNEL_RESULT,  /* agent: result */
    CHANNEL_TYPES,
};

struct channel {
    unsigned magic;
    int in_fd; /* -1: it has ended */
    int out_fd;
    struct event in_event, out_event;
    struct strbuf in, out;
    void (*on_message)(void *arg, enum channel_type type, struct span bytes);
    void (*on_end)(void *arg, const char *why); /* once; channel_close is still due */
    void *arg;
};

void channel_open(struct channel *channel, struct event_base *base, int in_fd, int out_fd);

/* Does nothing to one that was never opened (zeroed). */
void channel_close(struct channel *channel);

void channel_send(struct channel *channel, enum channel_type type, const struct strbuf *bytes);

/* Is everything that was sent gone? */
bool channel_idle(const struct channel *channel) MUST_CHECK;

#endif
