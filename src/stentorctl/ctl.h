/*
 * ctl.h - what all commands share: the exit codes and the options that stand before a command.
 *
 * `main` owns the one `struct ctl`; commands only read it. The program has one thread.
 */
#ifndef STENTORCTL_CTL_H
#define STENTORCTL_CTL_H

#include "target.h"

enum { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2 };

struct ctl {
    struct target target;
    const char *key; /* bearer key; NULL: none */
};

#endif
