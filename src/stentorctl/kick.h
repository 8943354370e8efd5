/*
 * kick.h - `stentorctl kick`: ends the connections of some clients.
 *
 * The program has one thread.
 */
#ifndef STENTORCTL_KICK_H
#define STENTORCTL_KICK_H

#include "ctl.h"

#define KICK_USAGE "kick [-r ROOM] [-a ADDRESS] [SESSION]"

/* argv[0] is the command's name; returns an exit code. */
int kick_run(const struct ctl *ctl, int argc, char **argv);

#endif
