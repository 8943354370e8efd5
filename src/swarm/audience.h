/*
 * audience.h - the clients of one transport: what they have in common, and what became of them.
 *
 * A crowd owns one audience per transport. Plain data; the crowd's thread.
 */
#ifndef STENTOR_SWARM_AUDIENCE_H
#define STENTOR_SWARM_AUDIENCE_H

#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/histogram.h"
#include "stentor/base/strbuf.h"

#include "behaviour.h"
#include "options.h"
#include "tally.h"
#include "transport.h"

struct audience {
    const struct transport *transport;
    struct strbuf target;               /* of each request; what changes comes behind it */
    struct strbuf headers;              /* those that each request has */
    unsigned attempted;                 /* clients whose connect has begun */
    unsigned connected;                 /* that ever joined */
    unsigned behaving[BEHAVIOUR_KINDS]; /* clients of each kind */
    struct histogram connect_delay;     /* from the planned connect until joined */
    unsigned upgraded;                  /* that moved to a WebSocket, and why others did not */
    struct tally upgrade_failures;
    struct tally failures;
    struct tally losses;
    uint64_t gaps; /* notices that messages will not come */
};

void audience_init(struct audience *audience, const struct transport *transport,
                   const struct options *options);
void audience_free(struct audience *audience);

#endif
