/*
 * mix.h - a mixed audience: which transports in which shares, and which one a client takes.
 *
 * Clients take turns: among the first `n`, whatever `n` is, each transport has its share of them
 * exactly, but for being rounded up or down. So clients that connect one after the other, and what
 * a failed run leaves of them, are mixed like the whole.
 * A `struct mix` is plain data of its caller's. Pure functions; any thread.
 */
#ifndef STENTOR_SWARM_MIX_H
#define STENTOR_SWARM_MIX_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

#include "transport.h"

enum { MIX_MAX = 16, MIX_MAX_WEIGHT = 1000000, MIX_MAX_ERROR = 256 };

struct mix_share {
    const struct transport *transport;
    uint32_t weight; /* at least 1 */
};

struct mix {
    unsigned count; /* at least 1 */
    uint32_t total; /* of the weights */
    struct mix_share shares[MIX_MAX];
};

/* Reads NAME[:WEIGHT],...; on false `error` says what is wrong. */
bool mix_parse(const char *text, struct mix *mix, char error[MIX_MAX_ERROR]) MUST_CHECK;

/* The index of the share to which the next client belongs; `taken` says how many each one has. */
unsigned mix_next(const struct mix *mix, const unsigned taken[]);

#endif
