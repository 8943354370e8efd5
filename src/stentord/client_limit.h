/*
 * client_limit.h - how much one client may say: commands and events, and their bytes.
 *
 * Two token buckets in eight bytes, so that those who never say anything cost nothing: each is the
 * time at which it will be full again (the generic cell rate algorithm), in sixteenths of a
 * millisecond, modulo three days. A client that has used up its burst is told so with each further
 * message; one that goes on all the same, until it has sent another burst, is to be disconnected.
 *
 * Belongs to its session.
 */
#ifndef STENTORD_CLIENT_LIMIT_H
#define STENTORD_CLIENT_LIMIT_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"

struct client_limit {
    uint32_t messages; /* when the bucket is full again; 0: it is */
    uint32_t bytes;
};

enum client_limit_verdict {
    CLIENT_LIMIT_PASS,
    CLIENT_LIMIT_REFUSE, /* and say so */
    CLIENT_LIMIT_CLOSE,
};

/* What a client is told that is refused. */
#define CLIENT_LIMIT_ERROR "you send too much, and are disconnected if you go on (client_rate)"

/* A message of so many bytes has come at the monotonic time `now_ns`. */
enum client_limit_verdict client_limit_take(struct client_limit *limit, const struct config *config,
                                            size_t bytes, uint64_t now_ns) MUST_CHECK;

#endif
