/*
 * rooms.h - `stentorctl rooms`: the largest rooms.
 *
 * The program has one thread.
 */
#ifndef STENTORCTL_ROOMS_H
#define STENTORCTL_ROOMS_H

#include "ctl.h"

#define ROOMS_USAGE "rooms [-j] [-l LIMIT]"

/* argv[0] is the command's name; returns an exit code. */
int rooms_run(const struct ctl *ctl, int argc, char **argv);

#endif
