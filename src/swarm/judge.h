/*
 * judge.h - can a result be relied on, and is it as expected?
 *
 * A run is valid when it was the server that was measured and not the swarm: its event loop came in
 * time, it had processors, descriptors and ports to spare, and all its processes stayed to the end.
 * Only then does it mean anything whether the bounds were kept. Pure functions; any thread.
 */
#ifndef STENTOR_SWARM_JUDGE_H
#define STENTOR_SWARM_JUDGE_H

#include <stdbool.h>

#include "stentor/base/compiler.h"

#include "options.h"
#include "result.h"

enum { JUDGE_MAX_REASONS = 8, JUDGE_MAX_TEXT = 192 };

enum judge_status { JUDGE_PASSED = 0, JUDGE_FAILED = 1, JUDGE_USAGE = 2, JUDGE_INVALID = 3 };

struct judge_bound {
    const char *text; /* the options' */
    double value;
    bool met;
};

struct judgement {
    bool passed; /* within the bounds */
    unsigned bound_count;
    struct judge_bound bounds[EXPECT_MAX];
    unsigned reason_count; /* 0: it is valid */
    char reasons[JUDGE_MAX_REASONS][JUDGE_MAX_TEXT];
};

void judge_result(const struct result *result, const struct options *options,
                  struct judgement *judgement);

/* A reason that does not come from the result itself. */
void judge_doubt(struct judgement *judgement, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The exit status. */
enum judge_status judge_status(const struct judgement *judgement) MUST_CHECK;

/* "VALID", or "INVALID: " and the first reason. */
void judge_verdict(const struct judgement *judgement, char text[JUDGE_MAX_TEXT]);

#endif
