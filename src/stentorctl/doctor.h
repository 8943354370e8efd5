/*
 * doctor.h - `stentorctl doctor`: is this machine ready for so many clients?
 *
 * The program has one thread.
 */
#ifndef STENTORCTL_DOCTOR_H
#define STENTORCTL_DOCTOR_H

#include "ctl.h"

#define DOCTOR_USAGE "doctor [-n CLIENTS] [-b BYTES] [-p PROC]"

/* argv[0] is the command's name; returns an exit code. */
int doctor_run(const struct ctl *ctl, int argc, char **argv);

#endif
