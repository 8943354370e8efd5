/*
 * deflate.h - permessage-deflate (RFC 7692) without context takeover in either direction.
 *
 * The server compresses each message on its own, so that one deflated frame serves every client
 * that negotiated the extension, and asks clients to do the same, so that a connection needs no
 * window of its own. One deflater and one inflater serve a whole thread; they belong to it.
 */
#ifndef STENTOR_WIRE_DEFLATE_H
#define STENTOR_WIRE_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "stentor/base/compiler.h"
#include "stentor/base/strbuf.h"

struct deflater;
struct inflater;

enum inflate_error { INFLATE_BAD_DATA = -1, INFLATE_TOO_BIG = -2, INFLATE_NO_MEMORY = -3 };

/* NULL when memory is out. `level` is zlib's, 1 to 9. */
struct deflater *deflater_new(int level) MUST_CHECK;
void deflater_free(struct deflater **deflater);

/* Appends the message's deflated payload (section 7.2.1); false when memory is out. */
bool deflater_message(struct deflater *deflater, const void *data, size_t len,
                      struct strbuf *out) MUST_CHECK;

struct inflater *inflater_new(void) MUST_CHECK;
void inflater_free(struct inflater **inflater);

/* Appends the inflated message; 0 or an inflate_error. Stops at `max` bytes. */
int inflater_message(struct inflater *inflater, const void *data, size_t len, size_t max,
                     struct strbuf *out) MUST_CHECK;

/* Chooses from the offers in a Sec-WebSocket-Extensions request header the first that can be
 * served, and writes the answer's header value; false (the connection goes on without
 * compression) when none can: the window must be the full 32 KiB. */
bool deflate_negotiate(const char *offers, size_t len, struct strbuf *answer);

#endif
