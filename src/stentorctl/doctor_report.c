#include "doctor_report.h"

#include <stdarg.h>
#include <stdio.h>

enum { DOCTOR_LINE = 2048 };

void doctor_report(struct doctor_report *report, enum doctor_grade grade, const char *check,
                   const char *fmt, ...)
{
    static const char *const labels[] = {"ok", "warning", "TOO LOW", "WRONG"};
    char line[DOCTOR_LINE];
    va_list args;

    report->warnings += grade == DOCTOR_WARNING;
    report->too_low += grade == DOCTOR_TOO_LOW;
    report->wrong += grade == DOCTOR_WRONG;
    va_start(args, fmt);
    if (vsnprintf(line, sizeof(line), fmt, args) < 0)
        *line = '\0';
    va_end(args);
    for (char *c = line; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    printf("%-8s %-13s %s\n", labels[grade], check, line);
}
