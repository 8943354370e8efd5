/*
 * report_json.h - the results for programs. stentor-swarm(1) describes the members.
 *
 * Only reads; any time after swarm_run.
 */
#ifndef STENTOR_SWARM_REPORT_JSON_H
#define STENTOR_SWARM_REPORT_JSON_H

#include <stdbool.h>

#include "stentor/base/compiler.h"

#include "swarm.h"

/* Writes the file; false when that fails. */
bool report_json_write(const struct swarm *swarm, const char *file) MUST_CHECK;

#endif
