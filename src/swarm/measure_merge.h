/*
 * measure_merge.h - measures of several processes become one, and what follows from all of it.
 *
 * A measure that has been finished is sent as MessagePack, read elsewhere and merged; at last it is
 * concluded. One thread, which owns the measures.
 */
#ifndef STENTOR_SWARM_MEASURE_MERGE_H
#define STENTOR_SWARM_MEASURE_MERGE_H

#include <stdbool.h>

#include "stentor/base/compiler.h"

#include "archive.h"
#include "measure.h"

/* Adds what another process measured of the same messages; both are finished. False when they are
 * not the same. */
bool measure_merge(struct measure *measure, const struct measure *from) MUST_CHECK;

/* What follows from the messages: once, when everything has been merged. */
void measure_conclude(struct measure *measure);

/* A finished measure; one that is read must have been initialised with the same numbers. */
void measure_archive(struct archive *archive, struct measure *measure);

#endif
