/*
 * client_send.h - directed messages of connected clients, native or Socket.IO, to a session or to a
 * neighbour (permission.h).
 *
 * No state; the client's I/O thread.
 */
#ifndef STENTORD_CLIENT_SEND_H
#define STENTORD_CLIENT_SEND_H

#include "directed.h"
#include "envelope.h"
#include "session.h"

/* What a client wants to be sent. */
struct client_sending {
    const struct session *session;
    int namespace;
    bool trusted;         /* it has presented a key there */
    struct span envelope; /* {to, event, data | args}, for a neighbour with the room */
    struct refbuf *const *attachments;
    size_t attachment_count;
    void (*done)(struct directed *directed); /* NULL: nobody wants an answer */
    struct span tag;                         /* in the answer */
    uint64_t ack;
};

/* Sends it; false after a mistake: `error` is a sentence, and `done` is not called. The session may
 * be gone when `done` is: directed->sender is its id. */
bool client_send(struct io_thread *thread, const struct client_sending *sending,
                 char error[ENVELOPE_ERROR]) MUST_CHECK;

#endif
