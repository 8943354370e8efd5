/*
 * swarm.h - what one process does in a run: its clients, and in one process also the publishing.
 *
 * A swarm does not decide when a phase begins: its conductor (conductor.h) tells it, in this
 * process or from another one. Everything else it does by itself, and each swarm of a run does the
 * same at the same time: those that do not publish note when each message is due, since the plan
 * says so, and thus know what their clients have to get.
 *
 * A swarm owns its crowd, publisher and measure. One thread; the event base, the options and the
 * role belong to the caller and must outlive it.
 */
#ifndef STENTOR_SWARM_SWARM_H
#define STENTOR_SWARM_SWARM_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/histogram.h"
#include "stentor/base/strbuf.h"

#include "alarm.h"
#include "crowd.h"
#include "directed.h"
#include "measure.h"
#include "observer.h"
#include "options.h"
#include "payloads.h"
#include "proc.h"
#include "publisher.h"
#include "result.h"
#include "role.h"
#include "status.h"

/* What had been used up at one moment. */
struct swarm_sample {
    uint64_t time_ns; /* 0: the moment was never reached */
    struct proc_usage self;
    struct observation server;
    uint64_t received, sent;
};

struct swarm_interval {
    struct swarm_sample begin;
    struct swarm_sample end;
};

struct swarm {
    unsigned magic;
    const struct options *options;
    const struct role *role;
    const struct payloads *payloads;
    struct alarm tick_alarm;
    struct alarm due_alarm;
    struct alarm directed_alarm; /* when the next directed message is due */
    struct crowd *crowd;
    struct publisher *publisher; /* NULL: another process publishes, or the speaker does */
    struct observer *observer;   /* NULL: another process observes */
    struct measure measure;
    struct directed directed;
    struct proc self;
    struct strbuf payload;
    FILE *log; /* of deliveries; NULL: none */
    struct tally speaker_failures;

    enum phase phase;
    enum phase next; /* begins at `phase_ns`; PHASE_NONE: has begun */
    unsigned next_round;
    uint64_t phase_ns;   /* when the phase, of a round its publishing, began */
    unsigned round;      /* the one that runs */
    uint64_t round_next; /* the number within the round of the next message */
    uint64_t storms;     /* of the round */
    uint64_t next_tick_ns;

    struct swarm_interval connect;
    struct swarm_interval idle;
    struct swarm_interval rounds[PLAN_MAX_ROUNDS];
    uint64_t end_ns;           /* of the last phase before the goodbye */
    struct histogram loop_lag; /* how late the event loop came to a tick, every 10 ms, in rounds */
    struct histogram idle_lag; /* and outside of them */
    struct histogram publish_lag; /* how late a message was sent */

    struct result result; /* is filled from second to second, and at the end */
    uint64_t second_ns;   /* when the running second ends */
    uint64_t lag_ns;      /* the highest of this second */
    struct swarm_sample second_begin;
    struct status shown; /* of the last second */
};

/* NULL when it cannot be set up; `*error` says why. */
struct swarm *swarm_new(struct event_base *base, const struct options *options,
                        const struct role *role, const struct payloads *payloads,
                        const char **error) MUST_CHECK;
void swarm_free(struct swarm **swarm);

/* The phase begins at that time of this process's clock. A round's number goes with it. */
void swarm_begin(struct swarm *swarm, enum phase phase, unsigned round, uint64_t at_ns);

struct status swarm_status(struct swarm *swarm) MUST_CHECK;

/* What the server answered to each message, as the swarm that publishes knows it: one byte each
 * (enum measure_answer). The others are told before they finish. */
void swarm_append_answers(const struct swarm *swarm, struct strbuf *out);
void swarm_take_answers(struct swarm *swarm, struct span answers);

/* After the last phase: everything that was found out. It is the swarm's. */
struct result *swarm_finish(struct swarm *swarm) MUST_CHECK;

/* Of swarm_publish.c: publishes, or notes, what is due. */
void swarm_publish_due(struct swarm *swarm, uint64_t now_ns);
void swarm_publish_early(void *arg, uint64_t n, uint64_t t);
void swarm_publish_begin(struct swarm *swarm, uint64_t at_ns);
void swarm_publish_end(struct swarm *swarm);

/* Of swarm_result.c: samples, and each second. */
void swarm_take_sample(struct swarm *swarm, struct swarm_sample *sample);
void swarm_tick_second(struct swarm *swarm, uint64_t now_ns);

#endif
