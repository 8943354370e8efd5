/*
 * memory.h - how much memory the process has, and how much it may have.
 *
 * No state; any thread. Both read files of /proc and /sys, so not for every request.
 */
#ifndef STENTORD_MEMORY_H
#define STENTORD_MEMORY_H

#include <stdint.h>

struct memory_use {
    uint64_t resident; /* bytes in memory */
    uint64_t virtual;  /* bytes of addresses, which `ulimit -v` limits */
};

/* Zeros where there is no /proc. */
struct memory_use memory_use(void);

/* The memory of the machine, or less where the process's control group has less; UINT64_MAX when
 * that cannot be found out. */
uint64_t memory_available(void);

/* RLIMIT_AS; UINT64_MAX without one. */
uint64_t memory_address_limit(void);

#endif
