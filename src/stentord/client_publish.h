/*
 * client_publish.h - publishing by connected clients, native or Socket.IO (permission.h).
 *
 * No state; the client's I/O thread.
 */
#ifndef STENTORD_CLIENT_PUBLISH_H
#define STENTORD_CLIENT_PUBLISH_H

#include "envelope.h"

struct io_thread;

/* Publishes one envelope to the namespace, for a client that has presented a key or not; false
 * after a mistake: `error` is a sentence. The message is under way then, and nobody waits for its
 * answer. */
bool client_publish(struct io_thread *thread, int namespace, bool trusted, struct span envelope,
                    struct refbuf *const *attachments, size_t attachment_count,
                    char error[ENVELOPE_ERROR]) MUST_CHECK;

#endif
