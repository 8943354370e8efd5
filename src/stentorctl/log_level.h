/*
 * log_level.h - `stentorctl log-level`: how much the server logs from now on.
 *
 * The program has one thread.
 */
#ifndef STENTORCTL_LOG_LEVEL_H
#define STENTORCTL_LOG_LEVEL_H

#include "ctl.h"

#define LOG_LEVEL_USAGE "log-level error|warning|info|debug"

/* argv[0] is the command's name; returns an exit code. */
int log_level_run(const struct ctl *ctl, int argc, char **argv);

#endif
