/*
 * bootid.h - which monotonic clock this process has: processes with the same id have the same one.
 *
 * Those of one machine have, unless they are in different time namespaces. No state; any thread.
 */
#ifndef STENTOR_SWARM_BOOTID_H
#define STENTOR_SWARM_BOOTID_H

#include "stentor/base/compiler.h"

enum { BOOTID_LEN = 96 };

/* "" when it cannot be known. */
void bootid_read(char id[BOOTID_LEN]);

#endif
