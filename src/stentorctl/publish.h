/*
 * publish.h - `stentorctl publish`: sends one message to everyone, to some rooms, or to one
 * session.
 *
 * The program has one thread.
 */
#ifndef STENTORCTL_PUBLISH_H
#define STENTORCTL_PUBLISH_H

#include "ctl.h"

#define PUBLISH_USAGE                                                                              \
    "publish [-n NAMESPACE] [-r ROOM]... [-x EXCEPT_ROOM]... [-K CONFLATION_KEY] "                 \
    "[-q SEQ|now] EVENT [DATA | -]\n"                                                              \
    "       stentorctl ... publish [-n NAMESPACE] --to SESSION EVENT [DATA | -]"

/* argv[0] is the command's name; returns an exit code. */
int publish_run(const struct ctl *ctl, int argc, char **argv);

#endif
