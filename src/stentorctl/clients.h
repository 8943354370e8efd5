/*
 * clients.h - `stentorctl clients`: who is connected.
 *
 * The program has one thread.
 */
#ifndef STENTORCTL_CLIENTS_H
#define STENTORCTL_CLIENTS_H

#include "ctl.h"

#define CLIENTS_USAGE "clients [-j] [-l LIMIT] [-r ROOM] [-a ADDRESS]"

/* argv[0] is the command's name; returns an exit code. */
int clients_run(const struct ctl *ctl, int argc, char **argv);

#endif
