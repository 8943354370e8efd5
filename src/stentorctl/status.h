/*
 * status.h - `stentorctl status`: how the server is.
 *
 * The program has one thread.
 */
#ifndef STENTORCTL_STATUS_H
#define STENTORCTL_STATUS_H

#include "ctl.h"

#define STATUS_USAGE "status [-j]"

/* argv[0] is the command's name; returns an exit code. */
int status_run(const struct ctl *ctl, int argc, char **argv);

#endif
