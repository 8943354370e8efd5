/*
 * cors.h - which web pages of other origins may read answers (the Fetch standard, section 3.2).
 *
 * Every request belongs to one of a few kinds: none of the configured origins (0), the n-th of them
 * (n + 1), or, where they are "*", any. Answers are rendered once for each kind. No state; any
 * thread.
 */
#ifndef STENTORD_CORS_H
#define STENTORD_CORS_H

#include "config.h"
#include "stentor/wire/http.h"

struct http_conn;

/* 63 kinds, each with and without keep-alive, fit into the byte that stands for an answer. */
enum { CORS_MAX_ORIGINS = 61, CORS_ANY = CORS_MAX_ORIGINS + 1 };

/* The kind of the request. */
unsigned cors_find(const struct config *config, const struct http_message *msg);

/* The kind that requests of the kind `kind` are of by another configuration. (Who asked when all
 * might is answered: nobody knows any more which page it was, and the answer is all there is.) */
unsigned cors_renumber(const struct config *old, const struct config *fresh, unsigned kind);

/* Appends the header lines that an answer to a request of that kind needs. */
void cors_append(struct strbuf *out, const struct config *config, unsigned kind);

/* Answers a preflight request, which asks for permission (OPTIONS): an endpoint's on_request. */
void cors_on_preflight(struct http_conn *http);

#endif
