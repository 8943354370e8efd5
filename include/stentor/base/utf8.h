/*
 * utf8.h - is it UTF-8 (RFC 3629)? In one piece, or piece by piece.
 *
 * Pure functions; any thread.
 */
#ifndef STENTOR_BASE_UTF8_H
#define STENTOR_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

/* Where in a character a text was cut; zeroed before the first piece. */
struct utf8_state {
    uint8_t missing; /* continuation bytes that are still due */
    uint8_t low;     /* bounds of the next continuation byte */
    uint8_t high;
};

/* False as soon as no continuation could make the text valid. */
bool utf8_feed(struct utf8_state *state, const void *data, size_t len) MUST_CHECK;

/* Does the text end with a whole character? */
static inline bool utf8_complete(const struct utf8_state *state)
{
    return state->missing == 0;
}

bool utf8_valid(const void *data, size_t len) MUST_CHECK;

/* How long is valid text in UTF-16, the way in which JavaScript counts characters? */
size_t utf8_utf16_length(const char *text, size_t len);

/* The bytes that the first `units` UTF-16 units of valid text take; SIZE_MAX when it has fewer, or
 * when a character would be cut. */
size_t utf8_utf16_bytes(const char *text, size_t len, size_t units);

#endif
