/*
 * http_response.h - answers to HTTP requests: their heads, bodies, and errors.
 *
 * What is given is copied, but for shared bodies, which are held until they are sent. Belongs to
 * the connection's I/O thread.
 */
#ifndef STENTORD_HTTP_RESPONSE_H
#define STENTORD_HTTP_RESPONSE_H

#include "http_conn.h"

/* Answers the current request. `headers`: more header lines, each with CRLF, or NULL. */
void http_respond(struct http_conn *http, int status, const char *headers, const char *type,
                  const void *body, size_t len);

/* The same with a body of so many shared parts. */
void http_respond_parts(struct http_conn *http, int status, const char *headers, const char *type,
                        struct refbuf *const *parts, size_t count);

/* Answers with {"error": ..., "message": ...}; `message` says what to do. */
void http_respond_error(struct http_conn *http, int status, const char *headers, const char *error,
                        const char *message);

#endif
