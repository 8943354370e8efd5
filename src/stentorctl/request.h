/*
 * request.h - one HTTP request to the server, and what its answer means for a person.
 *
 * The response belongs to the caller. The program has one thread.
 */
#ifndef STENTORCTL_REQUEST_H
#define STENTORCTL_REQUEST_H

#include <jansson.h>
#include <stdbool.h>

#include "ctl.h"
#include "stentor/base/compiler.h"
#include "stentor/base/strbuf.h"

/* Both append the body of a 200 to `body`; `query` may be NULL. Anything else is complained about,
 * with what to do; then they return false. */
bool request_get(const struct ctl *ctl, const char *path, const char *query,
                 struct strbuf *body) MUST_CHECK;
bool request_post(const struct ctl *ctl, const char *path, const char *query,
                  const struct strbuf *json, struct strbuf *body) MUST_CHECK;

/* The same for an answer that has to be a JSON object, which is the caller's; NULL when there is
 * none. `post`: the request changes something. */
json_t *request_json(const struct ctl *ctl, bool post, const char *path,
                     const char *query) MUST_CHECK;

/* Appends NAME=VALUE to a query, percent-encoded. */
void request_append_query(struct strbuf *query, const char *name, const char *value);

/* Complains about an answer that is not a success: its status, the server's words, what to do. */
void request_explain(const struct ctl *ctl, const char *path, long status,
                     const struct strbuf *body);

/* Complains about a transfer that failed; `detail` is curl's own message or "". */
void request_explain_failure(const struct ctl *ctl, CURL *curl, CURLcode result,
                             const char *detail);

#endif
