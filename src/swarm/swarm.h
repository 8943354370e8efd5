/*
 * swarm.h - one run: connect, idle, the rounds with a pause for what is still under way, goodbye.
 *
 * The swarm owns everything of the run: event base, crowd, publisher, measure. One thread. After
 * swarm_run it holds the results, which report.h and report_json.h only read.
 */
#ifndef STENTOR_SWARM_SWARM_H
#define STENTOR_SWARM_SWARM_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/histogram.h"
#include "stentor/base/strbuf.h"

#include "alarm.h"
#include "crowd.h"
#include "measure.h"
#include "options.h"
#include "proc.h"
#include "progress.h"
#include "publisher.h"

enum swarm_phase {
    SWARM_CONNECT,
    SWARM_IDLE,
    SWARM_ROUND,
    SWARM_DRAIN, /* of a round: waits for what is under way */
    SWARM_CLOSE,
};

/* What had been used up at one moment. */
struct swarm_sample {
    uint64_t time_ns; /* 0: the moment was never reached */
    uint64_t swarm_cpu_ns;
    uint64_t swarm_memory;
    uint64_t server_cpu_ns;
    uint64_t server_memory;
    uint64_t wire_bytes;
    bool has_cpu; /* of the server */
    bool has_memory;
};

struct swarm_interval {
    struct swarm_sample begin;
    struct swarm_sample end;
};

struct swarm {
    unsigned magic;
    const struct options *options;
    struct event_base *base;
    struct alarm tick_alarm;
    struct alarm due_alarm;
    struct event signal_events[2];
    struct crowd *crowd;
    struct publisher *publisher;
    struct measure measure;
    struct proc self;
    struct proc server;
    bool has_server;
    struct progress progress;
    struct strbuf payload;

    enum swarm_phase phase;
    uint64_t phase_ns;    /* when the phase, of a round its publishing, began */
    unsigned round;       /* the one that runs */
    uint64_t round_next;  /* the number within the round of the next message */
    uint64_t progress_ns; /* draining: the last time at which something arrived */
    uint64_t drained;     /* and how much had arrived by then */
    uint64_t next_tick_ns;
    const char *stopped; /* why the run ended early; NULL: it did not */

    struct swarm_interval connect;
    struct swarm_interval idle;
    struct swarm_interval *rounds;
    uint64_t end_ns;              /* of the last phase before the goodbye */
    struct histogram loop_lag;    /* how late the event loop came to a tick, every 10 ms */
    struct histogram publish_lag; /* how late a message was sent */
};

/* NULL when it cannot be set up; `*error` says why. */
struct swarm *swarm_new(const struct options *options, const char **error) MUST_CHECK;
void swarm_free(struct swarm **swarm);

/* Runs to the end, or until a signal ends it early. */
void swarm_run(struct swarm *swarm);

/* Did all clients connect and stay, and nothing get refused, lost, duplicated or out of order? */
bool swarm_passed(const struct swarm *swarm) MUST_CHECK;

#endif
