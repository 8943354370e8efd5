/*
 * ws_handshake.h - from an HTTP request to a WebSocket (RFC 6455 section 4.2).
 *
 * No state; the request's I/O thread.
 */
#ifndef STENTORD_WS_HANDSHAKE_H
#define STENTORD_WS_HANDSHAKE_H

#include "http_conn.h"
#include "ws_conn.h"

/* Is it a good opening handshake? If not it has been answered: 400, or 426 with what to send. */
bool ws_handshake_check(struct http_conn *http) MUST_CHECK;

/* Turns the connection into a WebSocket and appends the answer, 101, to `out`: the caller sends it
 * together with whatever it has to say first, in one packet. `subprotocol` is named in the answer
 * when the client offered it (NULL: none is known). NULL when memory is out: the connection is
 * dead. */
struct ws_conn *ws_handshake_accept(struct http_conn *http, const struct ws_app *app,
                                    const char *subprotocol, struct strbuf *out) MUST_CHECK;

#endif
