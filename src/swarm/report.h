/*
 * report.h - the results for people.
 *
 * Only reads; any time after swarm_run, except report_warn_limits, which is for before.
 */
#ifndef STENTOR_SWARM_REPORT_H
#define STENTOR_SWARM_REPORT_H

#include <stdio.h>

#include "stentor/base/compiler.h"

#include "swarm.h"

/* Says so when the clients will not fit into this machine's limits. */
void report_warn_limits(const struct swarm *swarm, FILE *out);

void report_print(const struct swarm *swarm, FILE *out);

#endif
