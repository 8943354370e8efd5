/*
 * crowd.h - all simulated clients: when they connect, what they share, what became of them.
 *
 * Connects follow an open-loop schedule: client `i` is due at start + i * ramp / clients, whatever
 * became of the others. There is no pool and no limit of connects under way. Of several processes
 * each has every so-manieth client, so that all connect in turn.
 * crowd_behaviour.h looks after clients that leave and come back, or do not read as they could.
 * The crowd owns its clients and the buffers that they share. One thread; one event base, which
 * like the options and the measure belongs to the caller and must outlive the crowd.
 */
#ifndef STENTOR_SWARM_CROWD_H
#define STENTOR_SWARM_CROWD_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/queue.h>

#include "stentor/base/compiler.h"
#include "stentor/base/histogram.h"
#include "stentor/base/strbuf.h"
#include "stentor/wire/http.h"
#include "stentor/wire/websocket.h"

#include "alarm.h"
#include "audience.h"
#include "client.h"
#include "directed.h"
#include "link.h"
#include "measure.h"
#include "options.h"
#include "result.h"
#include "role.h"
#include "tally.h"
#include "timeline.h"

enum { CROWD_MAX_MESSAGE = 64 << 20 };

struct crowd {
    unsigned magic;
    const struct options *options;
    const struct role *role;
    struct measure *measure;
    FILE *log; /* of deliveries; NULL: none */
    struct directed *directed;
    struct client *clients;             /* one more than `count`: the last one is the speaker */
    unsigned count;                     /* this process's part of the options' clients */
    struct audience audiences[MIX_MAX]; /* one per share of the options' mix */
    struct links links;                 /* of the clients */

    struct alarm connect_alarm;
    uint64_t start_ns;
    unsigned started; /* clients whose connect has begun; the next one to begin */
    unsigned oldest;  /* all below have joined or failed */

    unsigned connected;  /* that ever joined */
    unsigned joined;     /* at this time */
    unsigned measured;   /* of these, those whose messages count */
    uint64_t settled_ns; /* when the last connect was decided */
    bool closing;
    struct tally failures; /* of all audiences, as the next one */
    struct tally losses;
    struct histogram connect_lag; /* from the planned connect until it began */
    struct timeline begun;        /* connects */
    struct timeline connects;     /* that succeeded */
    struct timeline pings;
    uint64_t ping_interval_ns; /* as announced, or else as seen between two pings; 0: unknown */

    /* Clients that send heartbeats, the next one to do so first: their interval is the server's,
     * so that whoever has sent one goes to the end. */
    TAILQ_HEAD(, client) beats;
    uint64_t beat_interval_ns;

    struct wheel wheel;                /* the clients' timers */
    TAILQ_HEAD(, client) returning;    /* that come back now */
    TAILQ_HEAD(, client) slow;         /* that read slowly */
    uint64_t slow_ns;                  /* up to when these have been served */
    unsigned goodbyes[2];              /* how many left with and without one */
    unsigned cut[2];                   /* how many were spared and taken by storms */
    struct result_behaviour behaviour; /* what became of all that */

    /* What clients share while one of them is being served. */
    struct ws_reader reader; /* idle between two reads */
    struct ws_reader_config reader_config;
    struct http_message answer;
    struct strbuf scratch; /* a request that is put together */
    uint64_t random;
    char cause[TALLY_MAX_LABEL];

    /* Called after a read when `due_ns` has passed or the number of unfinished messages is below
     * `in_flight`: reading ten thousand sockets must not make the next message late. */
    uint64_t due_ns;
    unsigned in_flight;
    void (*on_due)(void *arg, uint64_t now_ns);
    void (*on_early)(void *arg, uint64_t n, uint64_t t); /* a message that is not known yet */
    void *arg;
};

/* NULL when it cannot be set up; `*error` says why. */
struct crowd *crowd_new(struct event_base *base, const struct options *options,
                        const struct role *role, struct measure *measure, struct directed *directed,
                        const char **error) MUST_CHECK;
void crowd_free(struct crowd **crowd);

/* Says so when the clients will not fit into this machine's limits. */
void crowd_warn(const struct crowd *crowd);

/* Begins to connect at that time. */
void crowd_start(struct crowd *crowd, uint64_t at_ns);

/* A further client connects, which is not counted: it publishes (crowd_speak). */
void crowd_start_speaker(struct crowd *crowd);

/* Publishes by the speaker; NULL, or the cause why not. */
const char *crowd_speak(struct crowd *crowd, struct span data) MUST_CHECK;

/* No further connects. */
void crowd_stop(struct crowd *crowd);

/* Fails the connects that take too long, and sends heartbeats; to be called often. */
void crowd_tick(struct crowd *crowd, uint64_t now_ns);

/* Is every connect decided? When is client `i` due to connect? */
bool crowd_settled(const struct crowd *crowd);
uint64_t crowd_due(const struct crowd *crowd, unsigned i);

/* All clients say goodbye; done when `links.open` is 0. */
void crowd_close(struct crowd *crowd);

/* From clients and their transports: what became of a client. */
void crowd_on_joined(struct crowd *crowd, struct client *client);
void crowd_on_failed(struct crowd *crowd, struct client *client, const char *cause);
void crowd_on_lost(struct crowd *crowd, struct client *client, const char *cause);
void crowd_on_ping(struct crowd *crowd, struct client *client);

/* A client got a message: number `n`, due at `t`. */
void crowd_on_arrival(struct crowd *crowd, struct client *client, uint64_t n, uint64_t t);

/* The client sends heartbeats from now on, the first one after the interval; or none any more. */
void crowd_start_beat(struct crowd *crowd, struct client *client, uint64_t interval_ns);
void crowd_stop_beat(struct crowd *crowd, struct client *client);

/* A number that differs from time to time. */
uint64_t crowd_random(struct crowd *crowd);

/* The cause why an answer is not the one that was hoped for: "http_404". */
const char *crowd_http_cause(struct crowd *crowd, const struct http_message *answer);

#endif
