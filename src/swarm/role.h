/*
 * role.h - the part that one process has in a run.
 *
 * Set before the run and constant from then on.
 */
#ifndef STENTOR_SWARM_ROLE_H
#define STENTOR_SWARM_ROLE_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

struct role {
    unsigned index; /* of `count` processes */
    unsigned count;
    bool publishes;    /* and observes the server; one process does */
    int64_t offset_ns; /* how far this clock is ahead of the publisher's */
};

/* A time of this clock by the publisher's, and back. */
static inline uint64_t role_published(const struct role *role, uint64_t ns)
{
    return ns - (uint64_t)role->offset_ns;
}

static inline uint64_t role_local(const struct role *role, uint64_t published_ns)
{
    return published_ns + (uint64_t)role->offset_ns;
}

#endif
