/*
 * controller.h - a run by several processes, on this host or on others.
 *
 * The controller starts an agent for each, compares the clocks, tells all of them when a phase
 * begins (conductor.h), and merges what they have found out. The first agent publishes and observes
 * the server. An agent that ends before its time is reported, and not waited for.
 * Blocks until the run is over, or a signal has ended it. One thread.
 */
#ifndef STENTOR_SWARM_CONTROLLER_H
#define STENTOR_SWARM_CONTROLLER_H

#include <stdbool.h>

#include "stentor/base/compiler.h"

#include "options.h"
#include "payloads.h"
#include "result.h"

/* On the hosts that the options name. False when the run could not begin; `*error` says why.
 * result_free is due when it is true. */
bool controller_run(const struct options *options, const struct payloads *payloads,
                    struct result *result, const char **error) MUST_CHECK;

/* By that many processes of this host. */
bool controller_run_here(const struct options *options, const struct payloads *payloads,
                         unsigned processes, struct result *result, const char **error) MUST_CHECK;

#endif
