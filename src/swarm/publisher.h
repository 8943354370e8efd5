/*
 * publisher.h - publishes over HTTP, on one connection that is kept alive.
 *
 * Requests are pipelined: one goes out when it is due, whether or not the ones before it have been
 * answered, and the server gets them in order. When the connection ends, its unanswered requests
 * have failed (they are not repeated, since they may have been carried out), and the next one
 * connects anew. One thread; the event base and the options belong to the caller.
 */
#ifndef STENTOR_SWARM_PUBLISHER_H
#define STENTOR_SWARM_PUBLISHER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/histogram.h"
#include "stentor/base/strbuf.h"
#include "stentor/wire/http.h"

#include "measure.h"
#include "net.h"
#include "options.h"
#include "tally.h"

enum publisher_state { PUBLISHER_CLOSED, PUBLISHER_CONNECTING, PUBLISHER_OPEN };

struct publisher_request {
    uint32_t n;
    uint64_t sent_ns;
};

struct publisher {
    unsigned magic;
    enum publisher_state state;
    struct event_base *base;
    struct event event;
    struct net_address target;
    struct strbuf head;                 /* of every request, up to the value of Content-Length */
    struct strbuf out;                  /* what the socket has not taken yet */
    struct publisher_request *requests; /* a ring of those without an answer, the oldest first */
    unsigned first;
    unsigned waiting;
    unsigned capacity; /* a power of two */
    bool reading;      /* `answer` has begun */
    struct http_message answer;
    struct tally refusals;
    struct histogram answer_delay; /* from the sending of a request to its answer */
    void (*on_answer)(void *arg, uint32_t n, enum measure_answer answer);
    void *arg;
};

/* NULL when it cannot be set up; `*error` says why. */
struct publisher *publisher_new(struct event_base *base, const struct options *options,
                                const char **error) MUST_CHECK;
void publisher_free(struct publisher **publisher);

/* Connects, if there is no connection: so that the first message need not wait for one. */
void publisher_open(struct publisher *publisher);

/* Publishes `data` as message `n`. */
void publisher_send(struct publisher *publisher, uint32_t n, const struct strbuf *data);

#endif
