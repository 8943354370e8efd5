/*
 * payload.h - what a published message says: its number and when it was due.
 *
 * The data is JSON of an exact size, {"n":12,"t":123456789012345,"p":"xxx"}, with `t` in
 * nanoseconds of the monotonic clock. Clients find both numbers by a scan, wherever the server's
 * envelope put them. Pure functions; any thread.
 */
#ifndef STENTOR_SWARM_PAYLOAD_H
#define STENTOR_SWARM_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"
#include "stentor/base/strbuf.h"

/* The smallest size that holds these numbers. */
size_t payload_min_size(uint64_t n, uint64_t t);

/* Appends the data, `size` bytes of it (more only if they do not suffice). */
void payload_append(struct strbuf *out, uint64_t n, uint64_t t, size_t size);

/* The same with real data in it: an object gets both numbers as its first members, and anything
 * else becomes the member "p". */
void payload_wrap(struct strbuf *out, uint64_t n, uint64_t t, struct span json);

/* What one client says to another: {"d":[AGENT,N,T,WAY,"TO","FROM"]}. */
struct payload_directed {
    uint64_t agent, n, t;
    uint64_t way; /* in a grid */
    struct span to, from;
};

void payload_append_directed(struct strbuf *out, const struct payload_directed *directed);

/* The texts point into `text`. */
bool payload_scan_directed(const char *text, size_t len,
                           struct payload_directed *directed) MUST_CHECK;

/* Finds the numbers in a message as it was received; false when it is not one of these. */
bool payload_scan(const char *text, size_t len, uint64_t *n, uint64_t *t) MUST_CHECK;

#endif
