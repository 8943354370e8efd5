/*
 * report_json_priv.h - what the files of report_json share: report_json.c has the whole and what
 * clients did, report_json_rounds.c what was delivered, report_json_processes.c what that cost, and
 * report_json_value.c how figures are written.
 *
 * What returns a json_t returns a new reference.
 */
#ifndef STENTOR_SWARM_REPORT_JSON_PRIV_H
#define STENTOR_SWARM_REPORT_JSON_PRIV_H

#include <jansson.h>
#include <stdint.h>

#include "stentor/base/histogram.h"

#include "figures.h"
#include "judge.h"
#include "options.h"
#include "result.h"
#include "tally.h"

/* Values: null where one is not known. */
void report_json_set(json_t *object, const char *name, double value);
void report_json_set_count(json_t *object, const char *name, uint64_t value);
json_t *report_json_count(uint64_t value);
json_t *report_json_text(const char *text);

json_t *report_json_tally(const struct tally *tally);
json_t *report_json_quantiles(const struct histogram *histogram);

/* [[low, high, count], ...]: enough to merge the histograms of several swarms exactly. */
json_t *report_json_buckets(const struct histogram *histogram);

json_t *report_json_timeline(const struct timeline *timeline);
void report_json_set_peak(json_t *object, const struct timeline_peak *peak);
json_t *report_json_interval(const struct figures_interval *interval);

/* Seconds since the connects began. */
double report_json_time(const struct result *result, uint64_t ns);

/* What was delivered. */
json_t *report_json_rounds(const struct result *result, const struct options *options);
json_t *report_json_totals(const struct result *result);

/* Each transport's clients over the whole run. */
json_t *report_json_transports(const struct result *result, const struct options *options);

/* The programs and machines that took part, and each second of them. */
json_t *report_json_swarm(const struct result *result, const struct judgement *judgement);
json_t *report_json_server(const struct result *result, const struct options *options);
json_t *report_json_machine(void);
json_t *report_json_agents(const struct result *result);
json_t *report_json_seconds(const struct result *result);

#endif
