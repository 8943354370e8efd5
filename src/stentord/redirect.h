/*
 * redirect.h - the answer of a listener that only sends clients to https.
 *
 * On the connection's I/O thread.
 */
#ifndef STENTORD_REDIRECT_H
#define STENTORD_REDIRECT_H

#include <stdint.h>

struct http_conn;

/* Answers the request with the same place at https, on that port. */
void redirect_answer(struct http_conn *http, uint16_t port);

#endif
