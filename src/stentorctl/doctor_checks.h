/*
 * doctor_checks.h - what the system has to allow for so many clients, check by check.
 *
 * Reads files of /proc (or of a directory that looks like it) and prints one line for each check,
 * with what to do where something is wrong. The program has one thread.
 */
#ifndef STENTORCTL_DOCTOR_CHECKS_H
#define STENTORCTL_DOCTOR_CHECKS_H

#include "doctor_report.h"

struct doctor {
    const char *proc; /* "/proc" */
    long clients;     /* that are to be served */
    long connected;   /* those that are there already: what they take is not free any more */
    long user_bytes;  /* of stentord's memory for each */
    long other_bytes; /* that stentord will take besides */
    long pid;         /* of the server; 0: it does not run, or not here */
    struct doctor_report report;
};

void doctor_check_all(struct doctor *doctor);

#endif
