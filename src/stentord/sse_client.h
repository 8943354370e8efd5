/*
 * sse_client.h - /events: Server-Sent Events, for EventSource and curl.
 *
 * One request, whose answer never ends: the response has no length and ends with its connection, so
 * that HTTP/1.0 clients are served in the same way. Owned by the connection's I/O thread.
 */
#ifndef STENTORD_SSE_CLIENT_H
#define STENTORD_SSE_CLIENT_H

#include "http_conn.h"

extern const struct endpoint sse_endpoint;

#endif
