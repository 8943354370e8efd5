/*
 * observer.h - what the server uses up, as far as it can be seen from here.
 *
 * With --pid the server's process is on this machine, and /proc says it. Otherwise the server's
 * metrics are asked for, of which those that Prometheus's client libraries have in common are read
 * (process_cpu_seconds_total, process_resident_memory_bytes), or else Stentor's own. A server that
 * has neither is not observed.
 * An observer belongs to its caller; one thread.
 */
#ifndef STENTOR_SWARM_OBSERVER_H
#define STENTOR_SWARM_OBSERVER_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

#include "archive.h"
#include "options.h"
#include "proc.h"

/* What was known at one moment. */
struct observation {
    struct proc_usage process; /* time_ns 0: nothing */
    uint64_t sockets;          /* bytes of the kernel's for TCP, both ends if the server is here */
};

struct observer;

/* NULL when it cannot be set up; `*error` says why. */
struct observer *observer_new(struct event_base *base, const struct options *options,
                              const char **error) MUST_CHECK;
void observer_free(struct observer **observer);

/* Asks the server, if that is how it is done; to be called often, does nothing in between. */
void observer_tick(struct observer *observer, uint64_t now_ns);

/* The newest observation. */
struct observation observer_look(struct observer *observer) MUST_CHECK;

void observer_archive(struct archive *archive, struct observation *observation);

#endif
