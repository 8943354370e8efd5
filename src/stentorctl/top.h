/*
 * top.h - `stentorctl top`: the status, again and again.
 *
 * The program has one thread.
 */
#ifndef STENTORCTL_TOP_H
#define STENTORCTL_TOP_H

#include "ctl.h"

#define TOP_USAGE "top [-d SECONDS] [-n TIMES]"

/* argv[0] is the command's name; returns an exit code. */
int top_run(const struct ctl *ctl, int argc, char **argv);

#endif
