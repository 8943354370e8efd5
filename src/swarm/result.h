/*
 * result.h - what a run has found out: by one process, or by several together.
 *
 * A process that has run fills a result (swarm_finish), sends it as MessagePack if it is an agent,
 * and results of the same run are merged: counts, histograms and time lines add up exactly. Then
 * result_conclude, and the reports (report*.h, judge.h) only read it.
 * Times are of the publisher's clock. A result owns its memory; one thread.
 */
#ifndef STENTOR_SWARM_RESULT_H
#define STENTOR_SWARM_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/histogram.h"

#include "archive.h"
#include "directed.h"
#include "measure.h"
#include "mix.h"
#include "observer.h"
#include "plan.h"
#include "tally.h"
#include "timeline.h"

enum { RESULT_MAX_AGENTS = 256, RESULT_MAX_TEXT = 160 };

/* A part of the run. */
struct result_interval {
    uint64_t begin_ns; /* 0: it never began */
    uint64_t end_ns;   /* 0: it never ended */
    uint64_t swarm_cpu_ns;
    double swarm_cpu_max;  /* of the busiest process, as a share of a processor */
    double swarm_wait_max; /* the share of its time that a process had to wait for a processor */
    uint64_t received;     /* bytes by the clients */
    uint64_t sent;
    uint64_t payload;                 /* bytes that were published */
    struct observation before, after; /* of the server */
};

/* One second of the run. */
struct result_second {
    uint32_t joined; /* clients at its end */
    uint64_t swarm_cpu_ns;
    uint64_t swarm_rss;
    uint64_t lag_ns; /* the latest tick of an event loop */
    struct histogram_sparse delay;
    struct observation server;
};

/* The clients of one transport. */
struct result_group {
    uint32_t attempted;
    uint32_t connected; /* that ever joined */
    uint32_t upgraded;  /* from polling to WebSocket */
    uint64_t gaps;
    struct tally upgrade_failures;
    struct tally failures;
    struct tally losses;
    struct histogram connect_delay; /* from the planned connect until joined */
};

/* Who did not simply stay and read. */
struct result_behaviour {
    uint32_t churning, stalled, slow; /* clients */
    uint64_t storms;
    uint64_t left;          /* departures of churning clients, and by storms */
    uint64_t returned;      /* connects after these */
    struct tally failures;  /* of such connects */
    uint64_t slow_messages; /* that slow readers got */
    struct histogram return_delay;
};

struct result_tls {
    uint64_t handshakes;
    uint64_t resumed;
    char version[16]; /* and the cipher, of the last one; "": no TLS */
    char cipher[64];
};

/* One process that took part. */
struct result_agent {
    char name[64];
    char ended[RESULT_MAX_TEXT]; /* why it did not stay to the end; "": it did */
    uint32_t clients;
    bool same_clock;     /* as the publisher's: it is on the same machine */
    int64_t offset_ns;   /* how far its clock is ahead of the publisher's */
    uint64_t error_ns;   /* at most, of that */
    int64_t drift_ns;    /* how far the clocks moved apart during the run */
    double cpu_max;      /* of a processor in a round */
    uint64_t lag_p99_ns; /* of its event loop in the rounds */
    uint64_t memory_per_client;
};

struct result {
    uint32_t clients; /* that were wanted */
    uint32_t processes;
    struct measure measure;
    struct result_group groups[MIX_MAX]; /* as many as the measure has */
    struct result_interval connect, idle;
    struct result_interval rounds[PLAN_MAX_ROUNDS];
    struct histogram connect_lag; /* from the planned connect until it began */
    struct timeline begun;        /* connects, when they began and when they had joined */
    struct timeline connects;
    struct timeline pings;
    uint64_t ping_interval_ns; /* 0: unknown */
    uint64_t settled_ns;       /* when the last connect was decided; 0: not all were */
    uint64_t end_ns;           /* of the last phase before the goodbye */
    struct histogram loop_lag; /* in the rounds, and outside of them */
    struct histogram idle_lag;
    struct histogram publish_lag;  /* how late a message was sent */
    struct histogram answer_delay; /* of the server to the publisher */
    struct tally refusals;
    uint64_t memory_before; /* of the swarm, all processes */
    uint64_t memory_after;
    struct result_behaviour behaviour;
    struct directed_result directed;
    struct result_tls tls;
    uint32_t seconds_count;
    struct result_second *seconds;
    char stopped[RESULT_MAX_TEXT]; /* why the run ended early; "": it did not */
    uint32_t agent_count;
    struct result_agent *agents; /* filled by who merges */
};

/* An empty one for runs with these numbers; false when memory is out. */
bool result_init(struct result *result, unsigned rounds, unsigned groups) MUST_CHECK;
void result_free(struct result *result);

/* Room for the second number `i` and those before it. */
struct result_second *result_second(struct result *result, uint32_t i);

/* Adds what another process found out in the same run; false when it was another one. */
bool result_merge(struct result *result, const struct result *from) MUST_CHECK;

/* Once, when all have been merged. */
void result_conclude(struct result *result);

/* One that is read must have been initialised with the same numbers. */
void result_archive(struct archive *archive, struct result *result);

#endif
