/*
 * report_json_priv.h - what the two files of report_json share.
 */
#ifndef STENTOR_SWARM_REPORT_JSON_PRIV_H
#define STENTOR_SWARM_REPORT_JSON_PRIV_H

#include <jansson.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/histogram.h"

#include "result.h"
#include "tally.h"

/* null where the value is not known. */
void report_json_set(json_t *object, const char *name, double value);
void report_json_set_count(json_t *object, const char *name, uint64_t value);

json_t *report_json_tally(const struct tally *tally);
json_t *report_json_quantiles(const struct histogram *histogram);

/* Sets behaviour, directed messages, TLS, agents and the seconds of the run. */
void report_json_set_more(json_t *root, const struct result *result);

#endif
