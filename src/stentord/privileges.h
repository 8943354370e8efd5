/*
 * privileges.h - as whom the server serves.
 *
 * It may be started as root, to listen on low ports and to read keys that nobody else may read.
 * Once that is done it becomes the user of the configuration for good, and looks whether it really
 * has. It serves as root only if the configuration says so in as many words. Main thread, before
 * there are others.
 */
#ifndef STENTORD_PRIVILEGES_H
#define STENTORD_PRIVILEGES_H

#include <stdbool.h>

#include "config.h"
#include "stentor/base/compiler.h"

/* What is wrong with these names: NULL if both exist, or are empty. */
const char *privileges_mistake(const char *user, const char *group) MUST_CHECK;

/* May we serve as whom the configuration says, being who we are? Otherwise logs what to do. */
bool privileges_allow(const struct config *config) MUST_CHECK;

/* Becomes the user of the configuration, for good: sets its groups, group and user, gives up to
 * gain privileges by executing anything, and checks all of it. False after an error, which has been
 * logged, and after which nothing must be served. */
bool privileges_drop(const struct config *config) MUST_CHECK;

/* Makes a file that was created before privileges_drop the user's, as a listener's socket is. */
void privileges_give(const struct config *config, const char *path);

/* After privileges_drop: warns of files which a reload has to read and cannot: the configuration,
 * certificates and their keys. */
void privileges_warn_unreadable(const struct config *config);

#endif
