/*
 * publish.h - the way of messages from whoever publishes to the broadcast stage, and of the answer
 * back.
 *
 * Lifetime of a request:
 *   new        filled by the I/O thread that made it (publish_request_new, ..._add)
 *   submitted  travels to the broadcast stage, which orders its messages, and is then looked at by
 *              every I/O thread that accepts one of them (atomics alone)
 *   answered   back on its own I/O thread as a mail, also when it could not be ordered: `done` is
 *              called, and the request is freed
 */
#ifndef STENTORD_PUBLISH_H
#define STENTORD_PUBLISH_H

#include "message.h"

struct config;
struct stage;

enum { PUBLISH_WHAT = 96 };

struct publish_item {
    struct message *message; /* until the broadcast stage has posted it */
    uint64_t seq;
    atomic_uint clients; /* members of its rooms, as each I/O thread accepts the message */
};

struct publish_request {
    unsigned magic;
    struct mail mail;
    struct stage *origin;                                         /* who wants the answer */
    void (*done)(struct publish_request *request, void *context); /* NULL: nobody wants one */
    void *context;      /* of the origin thread, which sets it to NULL when it loses interest */
    size_t bytes;       /* of its messages */
    uint64_t not_above; /* not 0: nothing was published, since a number is not above this one */
    atomic_size_t *in_flight; /* what they count in while it is submitted; NULL before */
    atomic_uint outstanding;  /* acceptances that are still to come */
    char what[PUBLISH_WHAT]; /* for the access log: the first message's namespace, room and event */
    size_t count;
    size_t capacity;
    struct publish_item items[];
};

#define PUBLISH_REQUEST_MAGIC 0x70756271u

/* Room for `capacity` messages; NULL when memory is out. */
struct publish_request *publish_request_new(struct stage *origin, size_t capacity) MUST_CHECK;

/* Takes over the caller's reference. */
void publish_request_add(struct publish_request *request, struct message *message);

/* Says in `what` what it is about, before it is submitted. */
void publish_request_describe(struct publish_request *request, const struct config *config);

/* Frees a request that was not submitted, or that has been answered. */
void publish_request_free(struct publish_request **request);

/* Sends the request home as it is: at once, when nothing of it has been published. */
void publish_request_answer(struct publish_request *request);

/* An I/O thread has taken in item `index` and counts `clients` members. The last one sends the
 * request home. */
void publish_request_accepted(struct publish_request *request, unsigned index, unsigned clients);

#endif
