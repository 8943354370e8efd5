/*
 * doctor_server.h - what a server that runs says about its configuration and its certificates.
 *
 * The server reads them as the user that it has become, so what it cannot read it will not be able
 * to read at the next reload. The program has one thread.
 */
#ifndef STENTORCTL_DOCTOR_SERVER_H
#define STENTORCTL_DOCTOR_SERVER_H

#include "ctl.h"
#include "doctor_report.h"

void doctor_server_check(const struct ctl *ctl, struct doctor_report *report);

#endif
