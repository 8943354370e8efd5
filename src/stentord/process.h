/*
 * process.h - what makes a process a daemon: the background, and whoever waits for it to serve.
 *
 * Main thread, before there are others. What it may open (rlimits.h), as whom it serves
 * (privileges.h), how it is found (pidfile.h) and what the service manager hears of it (notify.h)
 * have modules of their own.
 */
#ifndef STENTORD_PROCESS_H
#define STENTORD_PROCESS_H

#include <stdbool.h>

#include "stentor/base/compiler.h"

/* Goes into the background. True in the daemon, with a descriptor to report on. False in the
 * process that was started, with its exit status: 0 once the daemon serves, or that of the daemon
 * if it ended before. Until process_tell_ready, errors still reach standard error. */
bool process_daemonise(int *ready_fd, int *status) MUST_CHECK;

/* The daemon serves: whoever started it is told, and standard error is let go of. */
void process_tell_ready(int ready_fd);

#endif
