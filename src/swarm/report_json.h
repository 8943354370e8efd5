/*
 * report_json.h - the results as JSON: for --json, and for the plots of the page.
 *
 * Only reads; a result that has been concluded.
 */
#ifndef STENTOR_SWARM_REPORT_JSON_H
#define STENTOR_SWARM_REPORT_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "stentor/base/compiler.h"

#include "judge.h"
#include "options.h"
#include "result.h"

/* A new reference. */
json_t *report_json(const struct result *result, const struct options *options,
                    const struct judgement *judgement) MUST_CHECK;

bool report_json_save(const json_t *root, const char *file) MUST_CHECK;

#endif
