/*
 * peers.h - what the processes of a run tell each other about directed messages.
 *
 * Each process tells all others what its clients are called, so that a message may go to any client
 * of the run, and tells the process from which a message came when it has arrived; so that one
 * alone, the sender's, counts what became of a message. Both are collected here and leave as notes,
 * a few times a second, by way of the controller, which passes them on unread. Notes of one process
 * to another arrive in order.
 *
 * A `peers` belongs to its `directed`; one thread.
 */
#ifndef STENTOR_SWARM_PEERS_H
#define STENTOR_SWARM_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"
#include "stentor/base/strbuf.h"

#include "archive.h"
#include "role.h"

enum {
    PEERS_NAME = 64, /* bytes; longer ones are not told, and nobody sends to these */
    PEERS_ALL = UINT32_MAX,
};

struct peers {
    const struct role *role;
    unsigned clients;        /* of all processes */
    char **names;            /* by the number in the run; NULL: not there */
    struct strbuf renamed;   /* what all are to be told */
    struct strbuf *arrivals; /* and what each one */
};

/* What a note says; `note` belongs to the caller until the function returns. */
struct peers_reader {
    void (*departed)(void *arg, uint32_t client);
    void (*arrived)(void *arg, uint32_t n, uint64_t delay_ns);
    void *arg;
};

void peers_init(struct peers *peers, unsigned clients, const struct role *role);
void peers_free(struct peers *peers);

/* The number in the run of client `number` of this process. */
static inline uint32_t peers_number(const struct peers *peers, unsigned number)
{
    return number * peers->role->count + peers->role->index;
}

/* What a client of another process is called; NULL: it is not there. */
const char *peers_name(const struct peers *peers, uint32_t client);

/* Our client is called that from now on; NULL: it is gone. */
void peers_tell_name(struct peers *peers, unsigned number, const char *name);

/* Message `n` of that process has arrived here. */
void peers_tell_arrival(struct peers *peers, unsigned process, uint32_t n, uint64_t delay_ns);

/* Calls `send` for each note that is to leave now: `to` is a process, or PEERS_ALL. */
void peers_flush(struct peers *peers,
                 void (*send)(void *arg, uint32_t to, const struct strbuf *note), void *arg);

/* Reads a note of another process; false when it makes no sense. */
bool peers_take(struct peers *peers, struct span note,
                const struct peers_reader *reader) MUST_CHECK;

#endif
