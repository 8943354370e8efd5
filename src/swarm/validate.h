/*
 * validate.h - do the results depend on how the clients are divided among processes?
 *
 * The same population runs once in each number of processes that the options name, on this host.
 * If what they find out differs, it is the swarm that was measured. Blocks; one thread.
 */
#ifndef STENTOR_SWARM_VALIDATE_H
#define STENTOR_SWARM_VALIDATE_H

#include "stentor/base/compiler.h"

#include "options.h"
#include "payloads.h"

/* Runs, reports, and returns the exit status. */
int validate_run(const struct options *options, const struct payloads *payloads) MUST_CHECK;

#endif
