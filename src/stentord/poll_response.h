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

enum { POLL_RESPONSE_TOLD = 0x80 };

static inline uint8_t poll_response_answer(unsigned cors_kind, bool keep_alive)
{
    return (uint8_t)(2 + cors_kind * 2 + (keep_alive ? 1 : 0));
}

/* The same, to be told at once when it has been given (poll_response_is_told). */
static inline uint8_t poll_response_to_be_told(uint8_t answer)
{
    return answer | POLL_RESPONSE_TOLD;
}

/* Is something to be done with the connection as soon as the answer has been given? If not, that is
 * found out with its next request. */
static inline bool poll_response_is_told(uint8_t answer)
{
    return (answer & POLL_RESPONSE_TOLD) != 0 || (answer & 1) == 0;
}

/* The kind of its origin. */
static inline unsigned poll_response_cors(uint8_t answer)
{
    return ((answer & ~(unsigned)POLL_RESPONSE_TOLD) - 2) / 2;
}

/* The same for an origin of another kind. */
static inline uint8_t poll_response_renumber(uint8_t answer, unsigned cors_kind)
{
    return (uint8_t)(poll_response_answer(cors_kind, (answer & 1) != 0) |
                     (answer & POLL_RESPONSE_TOLD));
}

/* The part of it that the bytes of the answer depend on. */
static inline uint8_t poll_response_form(uint8_t answer)
{
    return answer & (uint8_t)~POLL_RESPONSE_TOLD;
}

/* Appends everything before a payload of `len` bytes. `binary`: it is one of Engine.IO 3 that is
 * not text. */
void poll_response_append_head(struct strbuf *out, const struct config *config, uint8_t answer,
                               bool binary, size_t len);

#endif
