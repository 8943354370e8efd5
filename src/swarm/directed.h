/*
 * directed.h - messages from one client to another, each of which must arrive once, at its own.
 *
 * The plan is an open loop, like that of the broadcasts: with `rate` messages a second and client,
 * and `n` clients, a message is due every 1/(rate * n) seconds, and the clients take turns. The
 * addressee is any other client of the run, in whatever process, each as likely; or, in a grid,
 * any neighbour of the sender. A client that is not connected when it is its turn, or knows nobody,
 * is passed over.
 *
 * The message says whom it is for. Who gets it sees whether it is the right one; what became of the
 * message is counted where it came from (peers.h).
 * One `directed` belongs to a swarm; one thread.
 */
#ifndef STENTOR_SWARM_DIRECTED_H
#define STENTOR_SWARM_DIRECTED_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/histogram.h"
#include "stentor/base/json.h"

#include "archive.h"
#include "peers.h"

struct client;
struct crowd;
struct options;

/* What was sent was refused, or delivered, or is lost, or its addressee had left. */
struct directed_result {
    uint64_t sent;
    uint64_t refused; /* by the server, in its answer */
    uint64_t departed;
    uint64_t delivered;
    uint64_t lost;
    uint64_t duplicated;
    uint64_t misdelivered; /* to somebody else */
    uint64_t placed;       /* clients that were told their neighbours in a grid */
    struct histogram delay;
};

struct directed_message {
    uint64_t due_ns;
    uint32_t party; /* the addressee; in a grid, where that may change, the sender */
    bool arrived;
    bool refused;
    bool excused; /* the party left before it came; or, in a grid, has other neighbours */
};

struct directed {
    struct crowd *crowd;
    struct peers peers;
    double rate;       /* per second and client; 0: there are none */
    const char *grid;  /* the room in which neighbours are sent to; NULL: anybody is */
    uint64_t start_ns; /* 0: not now */
    uint64_t turns;    /* how many have been due */
    struct directed_message *messages;
    uint32_t count, cap;
    uint32_t awaited;
    uint32_t settled; /* nothing is to come of those below */
    struct directed_result result;
};

void directed_result_init(struct directed_result *result);
void directed_result_merge(struct directed_result *result, const struct directed_result *from);
void directed_result_archive(struct archive *archive, struct directed_result *result);

void directed_init(struct directed *directed, struct crowd *crowd);
void directed_free(struct directed *directed);

/* Begins, or goes on, at that time; no further ones. */
void directed_start(struct directed *directed, uint64_t now_ns);
void directed_stop(struct directed *directed);

/* Sends what is due, and returns when the next message is; 0 when none is. */
uint64_t directed_send_due(struct directed *directed, uint64_t now_ns);

/* A client got a text, which may be such a message: false when it is none. */
bool directed_arrival(struct directed *directed, const struct client *client, struct span text,
                      uint64_t now_ns);

/* The server refused message number `n`, which the client had sent. */
void directed_refused(struct directed *directed, const struct client *client, uint64_t n);

/* The client can be sent to; it has gone, and what was on its way to it is not awaited. */
void directed_joined(struct directed *directed, const struct client *client);
void directed_departed(struct directed *directed, const struct client *client);

/* The server has told the client who is next to it. */
void directed_placed(struct directed *directed, struct client *client, struct span neighbours);

/* A note of another process; false when it makes no sense. */
bool directed_take_note(struct directed *directed, struct span note) MUST_CHECK;

/* Counts what is lost; at the end. */
void directed_finish(struct directed *directed);

#endif
