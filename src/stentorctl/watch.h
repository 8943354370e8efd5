/*
 * watch.h - `stentorctl watch`: shows messages as a client of the server receives them.
 *
 * The program has one thread.
 */
#ifndef STENTORCTL_WATCH_H
#define STENTORCTL_WATCH_H

#include "ctl.h"

#define WATCH_USAGE "watch [-p] [-n NAMESPACE] [-r ROOM]... [-S SINCE]"

/* argv[0] is the command's name; returns an exit code. */
int watch_run(const struct ctl *ctl, int argc, char **argv);

#endif
