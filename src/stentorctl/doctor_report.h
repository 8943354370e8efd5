/*
 * doctor_report.h - what the doctor finds: one line each, and how bad it is altogether.
 *
 * A report belongs to its caller. The program has one thread.
 */
#ifndef STENTORCTL_DOCTOR_REPORT_H
#define STENTORCTL_DOCTOR_REPORT_H

#include "stentor/base/compiler.h"

enum doctor_grade { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_TOO_LOW, DOCTOR_WRONG };

struct doctor_report {
    unsigned warnings;
    unsigned too_low;
    unsigned wrong;
};

/* Prints a line about that check, and counts it. Control characters in it are shown as '?', since
 * parts of it come from a server and the line ends up on a terminal. */
void doctor_report(struct doctor_report *report, enum doctor_grade grade, const char *check,
                   const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
