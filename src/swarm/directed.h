/*
 * directed.h - messages from one client to another, each of which must arrive once, at its own.
 *
 * The plan is an open loop, like that of the broadcasts: with `rate` messages a second and client,
 * and `n` clients, a message is due every 1/(rate * n) seconds, and the clients take turns. The
 * addressee is any other client of this process, each as likely. A client that is not connected
 * when it is its turn is passed over.
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

struct client;
struct crowd;

struct directed_result {
    uint64_t sent;
    uint64_t refused; /* by the server, in its answer */
    uint64_t delivered;
    uint64_t lost;
    uint64_t duplicated;
    uint64_t misdelivered; /* to somebody else */
    struct histogram delay;
};

struct directed_message {
    uint64_t due_ns;
    uint32_t to; /* the number of the client */
    bool arrived;
    bool refused;
    bool excused; /* its addressee left before it came */
};

struct directed {
    struct crowd *crowd;
    double rate; /* per second and client; 0: there are none */
    unsigned agent;
    uint64_t start_ns; /* 0: not now */
    uint64_t turns;    /* how many have been due */
    struct directed_message *messages;
    uint32_t count, cap;
    uint32_t awaited;
    struct directed_result result;
};

void directed_result_init(struct directed_result *result);
void directed_result_merge(struct directed_result *result, const struct directed_result *from);
void directed_result_archive(struct archive *archive, struct directed_result *result);

void directed_init(struct directed *directed, struct crowd *crowd, double rate, unsigned agent);
void directed_free(struct directed *directed);

/* Begins, or goes on, at that time; no further ones. */
void directed_start(struct directed *directed, uint64_t now_ns);
void directed_stop(struct directed *directed);

/* Sends what is due; to be called often. */
void directed_tick(struct directed *directed, uint64_t now_ns);

/* A client got a text, which may be such a message: false when it is none. */
bool directed_arrival(struct directed *directed, const struct client *client, struct span text,
                      uint64_t now_ns);

/* The server refused message number `n`. */
void directed_refused(struct directed *directed, uint64_t n);

/* The client has gone: what was on its way to it is not awaited. */
void directed_departed(struct directed *directed, const struct client *client);

/* Counts what is lost; at the end. */
void directed_finish(struct directed *directed);

#endif
