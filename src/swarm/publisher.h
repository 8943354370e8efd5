/*
 * publisher.h - publishes over HTTP: to Stentor, or to whatever the templates describe.
 *
 * A request is made of three templates, the URL's path, the headers and the body, in which {room},
 * {event}, {n} (the message's number) and, in the body, {data} are replaced.
 * One thread; the event base and the options belong to the caller.
 */
#ifndef STENTOR_SWARM_PUBLISHER_H
#define STENTOR_SWARM_PUBLISHER_H

#include <event2/event.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/histogram.h"
#include "stentor/base/strbuf.h"

#include "measure.h"
#include "options.h"
#include "requests.h"
#include "tally.h"

struct publisher {
    unsigned magic;
    const struct options *options;
    struct requests *requests;
    struct strbuf path, body, request; /* of the message in hand */
    struct tally refusals;
    struct histogram answer_delay; /* from the sending of a request to its answer */
    void (*on_answer)(void *arg, uint32_t n, enum measure_answer answer);
    void *arg;
};

/* NULL when it cannot be set up; `*error` says why. */
struct publisher *publisher_new(struct event_base *base, const struct options *options,
                                const char **error) MUST_CHECK;
void publisher_free(struct publisher **publisher);

/* Publishes `data` as message `n`. */
void publisher_send(struct publisher *publisher, uint32_t n, const struct strbuf *data);

#endif
