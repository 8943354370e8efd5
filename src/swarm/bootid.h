/*
 * bootid.h - which machine this is: processes with the same one have the same monotonic clock.
 *
 * No state; any thread.
 */
#ifndef STENTOR_SWARM_BOOTID_H
#define STENTOR_SWARM_BOOTID_H

#include "stentor/base/compiler.h"

enum { BOOTID_LEN = 40 };

/* "" when it cannot be known. */
void bootid_read(char id[BOOTID_LEN]);

#endif
