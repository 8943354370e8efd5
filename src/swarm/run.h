/*
 * run.h - a whole run in this process: its event loop, its swarm, its conductor.
 *
 * Blocks until the run is over, or a signal has ended it. One thread.
 */
#ifndef STENTOR_SWARM_RUN_H
#define STENTOR_SWARM_RUN_H

#include <stdbool.h>

#include "stentor/base/compiler.h"

#include "options.h"
#include "payloads.h"
#include "result.h"

/* False when it cannot be set up; `*error` says why. `result` must not have been initialised;
 * result_free is due when it is true. */
bool run_here(const struct options *options, const struct payloads *payloads, struct result *result,
              const char **error) MUST_CHECK;

#endif
