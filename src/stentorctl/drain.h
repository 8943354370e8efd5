/*
 * drain.h - `stentorctl drain`: the server lets its clients go, spread over time, and ends.
 *
 * The program has one thread.
 */
#ifndef STENTORCTL_DRAIN_H
#define STENTORCTL_DRAIN_H

#include "ctl.h"

#define DRAIN_USAGE "drain [-t SECONDS]"

/* argv[0] is the command's name; returns an exit code. */
int drain_run(const struct ctl *ctl, int argc, char **argv);

#endif
