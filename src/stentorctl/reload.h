/*
 * reload.h - `stentorctl reload`: the server reads its configuration again.
 *
 * The program has one thread.
 */
#ifndef STENTORCTL_RELOAD_H
#define STENTORCTL_RELOAD_H

#include "ctl.h"

#define RELOAD_USAGE "reload"

/* argv[0] is the command's name; returns an exit code. */
int reload_run(const struct ctl *ctl, int argc, char **argv);

#endif
