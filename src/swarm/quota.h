/*
 * quota.h - dividing things among shares one after the other, each share being right all the time.
 *
 * Pure functions; any thread.
 */
#ifndef STENTOR_SWARM_QUOTA_H
#define STENTOR_SWARM_QUOTA_H

#include <stdint.h>

#include "stentor/base/compiler.h"

/* The index of the share that gets the next thing; `weights` has `count` of them, whose sum is
 * `total`, and `taken` says how many things each share has. A weight may be 0. */
unsigned quota_next(const uint32_t weights[], unsigned count, uint32_t total,
                    const unsigned taken[]) MUST_CHECK;

#endif
