/*
 * message.h - what a publisher said, in every form in which it leaves.
 *
 * Lifetime of a message:
 *   new        made by an I/O thread (message_new), which fills nothing in afterwards
 *   ordered    the broadcast stage, which alone has it, sets seq, cost and receipt, and builds
 *              encodings
 *   posted     immutable, but for encodings that are added under a lock; any thread that holds a
 *              reference: one per I/O thread's journal
 *   freed      by the message_unref that drops the last reference
 */
#ifndef STENTORD_MESSAGE_H
#define STENTORD_MESSAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "dialect.h"
#include "stentor/base/json.h"
#include "stentor/base/mailbox.h"
#include "stentor/base/refbuf.h"

enum { MESSAGE_MAX_ROOMS = 256, MESSAGE_MAX_NAME = 256 };

struct encoder;
struct publish_request;

/* What message_new copies; everything has been checked. */
struct publication {
    int namespace;            /* index in the configuration */
    const struct span *rooms; /* none: everyone in the namespace */
    size_t room_count;
    const struct span *except;
    size_t except_count;
    struct span event; /* UTF-8, not quoted */
    struct span args;  /* raw JSON values with commas between them */
    size_t arg_count;
    struct span key;                   /* for conflation; empty: none */
    struct refbuf *const *attachments; /* for the placeholders in args */
    size_t attachment_count;
    uint64_t seq; /* the number that it is to have; 0: the next one */
};

/* The way of one message to one I/O thread. */
struct message_mail {
    struct mail mail;
    struct message *message;
    STAILQ_ENTRY(message_mail) link; /* while the thread holds it back */
};

/* The whole HTTP response that answers a poll with the message; one for each way of answering. */
struct message_response {
    struct message_response *next;
    struct refbuf *bytes;
    unsigned generation; /* of the configuration that it was rendered by */
    uint8_t dialect;
    uint8_t answer;
};

struct message {
    unsigned magic;
    atomic_uint refs;
    uint64_t seq;     /* before it is ordered: as in the publication */
    uint64_t time_ms; /* of the monotonic clock, when it got its seq */
    size_t allocated; /* bytes of this struct and what lies behind it */
    size_t cost;      /* bytes of memory that it takes in a journal */
    int namespace;
    struct span *rooms; /* what follows points behind the struct */
    size_t room_count;
    struct span *except;
    size_t except_count;
    struct span event;
    struct span args;
    size_t arg_count;
    struct span key;
    struct refbuf **attachments;
    size_t attachment_count;
    struct publish_request *receipt; /* who waits for the count of clients; NULL: nobody */
    unsigned receipt_index;
    _Atomic(struct refbuf *) encodings[DIALECT_COUNT];
    _Atomic(struct message_response *) responses;
    size_t late; /* bytes of encodings and responses that `cost` does not know (message.c) */
    struct message_mail mails[]; /* one per I/O thread */
};

#define MESSAGE_MAGIC 0x6d657373u

/* Can that name a room or an event: 1 to MESSAGE_MAX_NAME bytes of UTF-8 without NUL? */
bool message_name_valid(struct span name);

/* A copy of the publication with one reference; NULL when memory is out. */
struct message *message_new(const struct publication *publication, unsigned io_threads) MUST_CHECK;

void message_ref(struct message *message, unsigned count);
void message_unref(struct message **message);

/* The finished bytes for a dialect, built by the first who asks. They live as long as the message;
 * NULL when memory is out, or what was built late takes too much of it. Any thread, with its own
 * encoder. */
struct refbuf *message_encoding(struct message *message, enum dialect dialect,
                                struct encoder *encoder);

/* The same for the response that has the message in that polling dialect as its body, answered in
 * the way of `answer` (poll_response.h). NULL also when it is not worth to be shared: it is large,
 * or there are too many. */
struct refbuf *message_response(struct message *message, enum dialect dialect, uint8_t answer,
                                struct encoder *encoder);

/* The memory that the message and its encodings take now. */
size_t message_size(const struct message *message);

#endif
