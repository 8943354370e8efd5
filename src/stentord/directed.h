/*
 * directed.h - a message for one session alone, on its way there, and the answer on its way back.
 *
 * It never enters the journal. The addressee's id names its I/O thread and its place there, so the
 * message is one mail to that thread, also where that is the sender's own: so nothing is sent while
 * another connection is being read, and a sender's messages stay in order.
 *
 *   new       filled by the sender's I/O thread; directed_post gives it away
 *   posted    belongs to the thread that opens it: into the addressee's private queue; or to what
 *             is kept of a client that is lost, or on to where that came back (recovery.h)
 *   answered  back on the sender's thread: `done` is called, and it is freed
 *
 * A message that nobody wants an answer to is freed where its way ends.
 */
#ifndef STENTORD_DIRECTED_H
#define STENTORD_DIRECTED_H

#include "message.h"
#include "session_id.h"

struct io_thread;
struct session;

enum directed_result {
    DIRECTED_QUEUED,    /* in its queue, or with what is kept of it */
    DIRECTED_UNKNOWN,   /* no session has that id */
    DIRECTED_LEFT,      /* the neighbour has left */
    DIRECTED_FULL,      /* too much waits for it already; a session is closed for that */
    DIRECTED_NO_MEMORY, /* and the session is closed, too */
};

struct directed {
    unsigned magic;
    struct mail mail;
    struct message *message;      /* without rooms */
    uint8_t to[SESSION_ID_BYTES]; /* the address, */
    uint8_t at[SESSION_ID_BYTES]; /* and the session's id, or one for the same place */
    bool has_from;
    bool tagged;  /* of `to` only the end is known, and nobody is looked for elsewhere */
    uint8_t hops; /* after a client that was recovered */
    uint8_t from[SESSION_ID_BYTES];
    size_t bytes; /* that it counts for while it is on its way */
    enum directed_result result;
    /* Who wants the answer. */
    struct io_thread *origin;
    void (*done)(struct directed *directed); /* NULL: nobody */
    void *context; /* of the origin thread, which sets it to NULL when it loses interest */
    uint8_t sender[SESSION_ID_BYTES]; /* a client's session, which may be gone by then */
    uint64_t ack;                     /* what it wants to be told with the answer: a number, */
    struct span tag;                  /* or a text, which lies behind the struct */
};

#define DIRECTED_MAGIC 0x64697265u

/* Takes over the message. `from` may be NULL: it is nobody's who could be answered. NULL when
 * memory is out. */
struct directed *directed_new(struct io_thread *origin, struct message *message,
                              const uint8_t to[SESSION_ID_BYTES], const uint8_t *from,
                              struct span tag) MUST_CHECK;

/* Frees one that has not been sent. */
void directed_free(struct directed *directed);

/* Is so much on its way that senders should wait? */
bool directed_overloaded(struct io_thread *origin);

/* Sends it, and the answer back to `done`. */
void directed_post(struct directed *directed);

/* Gives it to the session of this thread. */
void directed_give(struct directed *directed, struct io_thread *thread, struct session *session);

/* Takes it further, to that thread, for which the addressee is at `at`. */
void directed_forward(struct directed *directed, struct io_thread *thread,
                      const uint8_t at[SESSION_ID_BYTES]);

/* Its way has ended on this thread. */
void directed_finish(struct directed *directed, struct io_thread *thread,
                     enum directed_result result);

/* A sentence for the sender; NULL for success. */
const char *directed_error(enum directed_result result);

#endif
