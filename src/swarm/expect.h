/*
 * expect.h - within which bounds a run must stay to pass, as the command line says it.
 *
 * "loss=0,p99<200ms,connected=100%": a figure, a comparison and a bound each. Plain data and pure
 * functions; any thread. Where the figures come from is judge.h's.
 */
#ifndef STENTOR_SWARM_EXPECT_H
#define STENTOR_SWARM_EXPECT_H

#include <stdbool.h>
#include <stddef.h>

#include "stentor/base/compiler.h"

enum { EXPECT_MAX = 24, EXPECT_MAX_TEXT = 48 };

enum expect_figure {
    EXPECT_LOSS, /* counts; with "%" shares of what was to be delivered */
    EXPECT_DUPLICATES,
    EXPECT_ORDER,
    EXPECT_REFUSED,
    EXPECT_DISCONNECTS,
    EXPECT_FAILED,    /* connects */
    EXPECT_CONNECTED, /* clients; with "%" the share of them */
    EXPECT_MISDELIVERED,
    EXPECT_P50, /* times */
    EXPECT_P90,
    EXPECT_P99,
    EXPECT_P999,
    EXPECT_MAX_DELAY,
    EXPECT_MEAN,
    EXPECT_RELATIVE,
    EXPECT_SKEW,
    EXPECT_CONNECT_P99,
    EXPECT_RETURN_P99,
    EXPECT_DIRECTED_P99,
    EXPECT_CPU,    /* the server's, per delivery */
    EXPECT_MEMORY, /* bytes of the server per client */
    EXPECT_FIGURES,
};

enum expect_comparison {
    EXPECT_EQUAL,
    EXPECT_BELOW,
    EXPECT_AT_MOST,
    EXPECT_ABOVE,
    EXPECT_AT_LEAST
};

struct expect_bound {
    enum expect_figure figure;
    enum expect_comparison comparison;
    bool is_share;
    double value; /* a count, a share, nanoseconds or bytes */
    char text[EXPECT_MAX_TEXT];
};

struct expect {
    unsigned count;
    struct expect_bound bounds[EXPECT_MAX];
};

extern const char expect_default[];

/* False when it is not valid; `*bad` is the part that is not. */
bool expect_parse(const char *text, struct expect *expect, const char **bad) MUST_CHECK;

/* Is the figure within its bound? One that is not known (NAN) is not. */
bool expect_met(const struct expect_bound *bound, double value) MUST_CHECK;

#endif
