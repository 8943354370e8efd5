/*
 * requests.h - HTTP requests on one connection that is kept alive.
 *
 * Requests are pipelined: one goes out when it is sent, whether or not the ones before it have been
 * answered, and the server gets them in order. When the connection ends, its unanswered requests
 * have failed (they are not repeated, since they may have been carried out), and the next one
 * connects anew. One thread; the event base belongs to the caller.
 */
#ifndef STENTOR_SWARM_REQUESTS_H
#define STENTOR_SWARM_REQUESTS_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/strbuf.h"
#include "stentor/wire/http.h"

#include "link.h"
#include "url.h"

/* What became of one. */
struct requests_outcome {
    uint32_t n;                        /* as it was given */
    uint64_t sent_ns;                  /* when it was */
    const struct http_message *answer; /* NULL: there was none */
    const char *cause;                 /* why there was none */
    bool carried_out;                  /* without an answer: the server may have got it */
};

struct requests_pending {
    uint32_t n;
    uint64_t sent_ns;
};

struct requests {
    unsigned magic;
    struct links links;
    struct link link;
    struct strbuf out;                /* what waits for the connection */
    struct requests_pending *pending; /* a ring of those without an answer, the oldest first */
    unsigned first;
    unsigned waiting;
    unsigned capacity; /* a power of two */
    bool reading;      /* `answer` has begun */
    struct http_message answer;
    void (*on_outcome)(void *arg, const struct requests_outcome *outcome);
    void *arg;
};

/* NULL when it cannot be set up; `*error` says why. */
struct requests *requests_new(struct event_base *base, const struct url *url,
                              const struct tls_options *tls, const char **error) MUST_CHECK;
void requests_free(struct requests **requests);

/* Connects, if there is no connection: so that the first request need not wait for one. */
void requests_open(struct requests *requests);

/* Is there no connection, nor is one being made? */
bool requests_closed(const struct requests *requests) MUST_CHECK;

/* Sends a whole request. */
void requests_send(struct requests *requests, uint32_t n, const struct strbuf *request);

#endif
