/*
 * poll_response.h - the HTTP response that answers a poll: its status line and headers.
 *
 * How a poll is to be answered fits into one byte, its `answer`: 0 is none; the others stand for
 * the kind of its origin (cors.h) and for whether the connection is kept. So a response with one
 * message is rendered once for each of the few ways of answering, and shared by all clients.
 * Pure functions; any thread.
 */
#ifndef STENTORD_POLL_RESPONSE_H
#define STENTORD_POLL_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "stentor/base/strbuf.h"

static inline uint8_t poll_response_answer(unsigned cors_kind, bool keep_alive)
{
    return (uint8_t)(2 + cors_kind * 2 + (keep_alive ? 1 : 0));
}

/* Is the connection kept behind that answer? */
static inline bool poll_response_keeps(uint8_t answer)
{
    return answer & 1;
}

/* Appends everything before a payload of `len` bytes. `binary`: it is one of Engine.IO 3 that is
 * not text. */
void poll_response_append_head(struct strbuf *out, const struct config *config, uint8_t answer,
                               bool binary, size_t len);

#endif
