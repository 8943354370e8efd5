/*
 * rlimits.h - how many descriptors the process may have, and whether it may leave a core.
 *
 * Main thread, before there are others and before privileges are dropped: root may raise limits.
 */
#ifndef STENTORD_RLIMITS_H
#define STENTORD_RLIMITS_H

#include <stdbool.h>

#include "config.h"
#include "stentor/base/compiler.h"

/* Sets the limits that the configuration wants. False if there cannot be as many descriptors as it
 * names, which has been logged. */
bool rlimits_set(const struct config *config) MUST_CHECK;

/* A change of the user has switched cores off; allows them again if the configuration wants them.
 */
void rlimits_allow_cores(const struct config *config);

#endif
