/*
 * cors.h - which web pages of other origins may read answers (the Fetch standard, section 3.2).
 *
 * Every request belongs to one of a few kinds: none of the configured origins (0), or the n-th of
 * them (n + 1). Answers are rendered once for each kind. No state; any thread.
 */
#ifndef STENTORD_CORS_H
#define STENTORD_CORS_H

#include "config.h"
#include "stentor/wire/http.h"

struct http_conn;

/* 63 of them, each with and without keep-alive, fit into the byte that stands for an answer. */
enum { CORS_MAX_ORIGINS = 62 };

/* The kind of the request. */
unsigned cors_find(const struct config *config, const struct http_message *msg);

/* The kind that requests of the kind `kind` are of by another configuration. (By "*" nobody asked
 * which page it was: 0, if that is no longer all.) */
unsigned cors_renumber(const struct config *old, const struct config *fresh, unsigned kind);

/* Appends the header lines that an answer to a request of that kind needs. */
void cors_append(struct strbuf *out, const struct config *config, unsigned kind);

/* Answers a preflight request, which asks for permission (OPTIONS): an endpoint's on_request. */
void cors_on_preflight(struct http_conn *http);

#endif
