/*
 * proc.h - what a process costs: processor time and memory, of the server and of the swarm.
 *
 * A watch keeps its file open, so that it works when no descriptor is left. It belongs to its
 * caller; one thread.
 */
#ifndef STENTOR_SWARM_PROC_H
#define STENTOR_SWARM_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "stentor/base/compiler.h"

struct proc {
    clockid_t clock;
    int memory_fd; /* smaps_rollup, or status when that may not be read; -1: neither */
};

/* `pid` 0 is this process itself. 0, or a negative errno when there is no such process. */
int proc_open(struct proc *proc, pid_t pid) MUST_CHECK;
void proc_close(struct proc *proc);

/* Nanoseconds of processor time of all threads so far; false when the process is gone. */
bool proc_cpu_ns(const struct proc *proc, uint64_t *ns) MUST_CHECK;

/* Bytes of resident memory; false when they cannot be known. */
bool proc_memory(const struct proc *proc, uint64_t *bytes) MUST_CHECK;

/* Raises the limit of open descriptors as far as it goes, and returns it. */
unsigned long proc_raise_descriptors(void);

#endif
