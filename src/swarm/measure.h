/*
 * measure.h - what became of each message: delivered to whom, when, in which order.
 *
 * Every message has a number `n` and a planned time. A client's `track` remembers up to which
 * number it has everything, and the gaps below that; so loss, duplicates and order are exact, and
 * cost nothing while all goes well. A message that nobody published (its publisher was refused) is
 * missed by nobody. Each track belongs to a group, which is counted by itself; together they are
 * what is counted of everybody.
 *
 * All times are of the publisher's clock. Several processes that measured the same messages each
 * have a measure, and these are merged: counts and histograms exactly, and what follows from the
 * times of each message (measure_merge.h) as if one process had seen them all.
 *
 * A `measure` owns the messages, the rounds and the gaps of tracks; one thread.
 */
#ifndef STENTOR_SWARM_MEASURE_H
#define STENTOR_SWARM_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/histogram.h"

enum measure_answer { /* what the server said to the publisher */
                      MEASURE_UNANSWERED,
                      MEASURE_ACCEPTED,
                      MEASURE_REFUSED,
                      MEASURE_UNSENT, /* it was planned, and the run was over before */
};

struct measure_message {
    uint64_t due_ns;   /* the planned time */
    uint64_t first_ns; /* of the first and the last delivery */
    uint64_t last_ns;
    uint32_t delivered;
    uint32_t awaited; /* deliveries that are still to come */
    uint16_t round;
    uint8_t first_group; /* of the client that was first */
    uint8_t answer;      /* enum measure_answer */
    bool finished;       /* nothing more is awaited */
};

/* One group's part of a message. */
struct measure_share {
    uint64_t behind_ns; /* sum over the deliveries of the time since the first of all */
    uint32_t delivered;
};

/* What clients got of some messages: all clients of one round, one group of it, or one group of
 * all rounds. */
struct measure_part {
    uint64_t delivered;
    uint64_t lost;
    uint64_t duplicated;
    uint64_t out_of_order;
    double relative_ns; /* mean over messages of the non-first clients' mean delay after the first;
                         * of several processes, each with a first client of its own, their mean */
    uint32_t processes; /* in which somebody got a message who was not the first */
    uint32_t compared;  /* such messages */
    struct histogram delay;    /* from the planned time to each delivery */
    struct histogram relative; /* from the first delivery to each other one, within a process */
};

struct measure_round {
    struct measure_part all; /* up to date after measure_sum */
    struct measure_part *groups;

    /* After measure_conclude: */
    uint64_t messages;
    uint64_t refused;
    uint64_t unanswered;
    double from_first_ns;  /* as relative_ns, after the first client of all processes */
    uint32_t compared;     /* messages in that */
    struct histogram skew; /* of each message, from the first delivery to the last */
};

struct measure_gap {
    uint32_t from; /* the missing numbers, `to` not included */
    uint32_t to;
};

struct measure_gaps {
    unsigned count;
    unsigned cap;
    struct measure_gap items[];
};

/* One client's part. */
struct measure_track {
    uint32_t first; /* the first number that it must get */
    uint32_t next;  /* one above the highest number that it got */
    uint32_t end;   /* numbers from here on came after it had gone */
    uint8_t group;
    struct measure_gaps *gaps;
};

struct measure {
    struct measure_message *messages;
    struct measure_share *shares; /* of each message, one per group */
    unsigned groups;
    uint32_t count;
    uint32_t cap;
    uint32_t oldest;     /* all below are finished */
    uint32_t unfinished; /* messages of which deliveries are awaited */
    uint32_t round;      /* to which the next message belongs */
    uint32_t round_count;
    struct measure_round *rounds;
    struct measure_part *parts; /* of all rounds, and then one per group with all rounds together */
    uint64_t delivered;
    uint64_t foreign;        /* messages of other publishers */
    struct histogram recent; /* delays, until somebody empties it */
};

/* False when memory is out. */
bool measure_init(struct measure *measure, unsigned rounds, unsigned groups) MUST_CHECK;
void measure_free(struct measure *measure);

/* A message that is due at that time goes out to `clients` clients; its number. */
uint32_t measure_publish(struct measure *measure, uint64_t due_ns, uint32_t clients);

/* The server's answer to it. */
void measure_answer(struct measure *measure, uint32_t n, enum measure_answer answer);

/* A client takes part from now on, or no longer. */
void measure_join(const struct measure *measure, struct measure_track *track);
void measure_leave(struct measure *measure, struct measure_track *track);

/* A client got message `n` that says it was due at `t`. False when it counts for nothing: it is a
 * duplicate, or another publisher's. */
bool measure_arrival(struct measure *measure, struct measure_track *track, uint64_t n, uint64_t t,
                     uint64_t now_ns);

/* Brings what the round says about all clients up to date. */
void measure_sum(struct measure *measure, unsigned round);

/* Gives up waiting for messages that were due before. */
void measure_expire(struct measure *measure, uint64_t before_ns);

/* The client leaves because it wants to: what is under way is not lost. */
void measure_depart(struct measure *measure, struct measure_track *track);

/* At the end: counts what the track misses (and frees its gaps), then sums up this process. */
void measure_finish_track(struct measure *measure, struct measure_track *track);
void measure_finish(struct measure *measure);

/* What a group got of all rounds together; after measure_finish. */
const struct measure_part *measure_group(const struct measure *measure, unsigned group);

#endif
