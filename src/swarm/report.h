/*
 * report.h - the results for people, as text.
 *
 * Only reads; a result that has been concluded.
 */
#ifndef STENTOR_SWARM_REPORT_H
#define STENTOR_SWARM_REPORT_H

#include <stdio.h>

#include "stentor/base/compiler.h"

#include "judge.h"
#include "options.h"
#include "result.h"

void report_print(const struct result *result, const struct options *options,
                  const struct judgement *judgement, FILE *out);

/* Its last lines: what was not met, and whether it can be relied on. */
void report_verdict(const struct judgement *judgement, FILE *out);

#endif
