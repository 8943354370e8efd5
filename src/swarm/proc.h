/*
 * proc.h - what a process uses up, from /proc: processor time, memory, threads, switches.
 *
 * A watch keeps its files open, so that it works when no descriptor is left. It belongs to its
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
    pid_t pid;
    clockid_t clock;
    int memory_fd;   /* smaps_rollup, or status when that may not be read; -1: neither */
    int status_fd;   /* -1: cannot be read, as the next one */
    int schedule_fd; /* schedstat of its first thread */
};

/* What had been used up at one moment. What cannot be known is 0. */
struct proc_usage {
    uint64_t time_ns;  /* the moment; 0: nothing is known */
    uint64_t cpu_ns;   /* of all threads, user and system */
    uint64_t rss;      /* bytes */
    uint64_t pss;      /* bytes: shared pages count in parts */
    uint64_t switches; /* of all threads, voluntary or not */
    uint64_t wait_ns;  /* that the first thread was ready to run, and had no processor */
    uint32_t threads;
};

/* `pid` 0 is this process itself. 0, or a negative errno when there is no such process. */
int proc_open(struct proc *proc, pid_t pid) MUST_CHECK;
void proc_close(struct proc *proc);

/* False when the process is gone. */
bool proc_read(const struct proc *proc, struct proc_usage *usage) MUST_CHECK;

/* Bytes that the kernel keeps for TCP sockets, of all processes in this network namespace; 0 when
 * it cannot be known. */
uint64_t proc_socket_memory(void) MUST_CHECK;

/* Nanoseconds of processor time that this machine has had to spare since it started; 0: unknown. */
uint64_t proc_idle_ns(void) MUST_CHECK;

/* Raises the limit of open descriptors as far as it goes, and returns it. */
unsigned long proc_raise_descriptors(void);

#endif
