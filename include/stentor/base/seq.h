/*
 * seq.h - the number of a message as text: in queries, headers, and on command lines.
 *
 * Pure functions; any thread.
 */
#ifndef STENTOR_BASE_SEQ_H
#define STENTOR_BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"

/* Decimal digits, up to 16 of them, as numbers below 2^53 have; false for anything else. */
bool seq_parse(struct span text, uint64_t *seq) MUST_CHECK;

#endif
