/*
 * delivery_fixture.h - one I/O thread without a thread, and clients on socket pairs: deliveries can
 * be stepped through and looked at from both sides.
 */
#ifndef STENTOR_TESTS_DELIVERY_FIXTURE_H
#define STENTOR_TESTS_DELIVERY_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../src/stentord/io_thread.h"
#include "../../src/stentord/server.h"
#include "stentor/wire/websocket.h"

enum { FIXTURE_MAX_SEEN = 4096 };

struct fixture_gap {
    char room[32];
    uint64_t from, to;
};

/* A client: what the server has of it, and what its own end has received. */
struct fixture_client {
    struct session *session;
    struct conn *conn;
    int fd;       /* the client's end */
    bool polling; /* it asks for what it is due, and is answered */
    struct ws_reader reader;
    uint64_t seen[FIXTURE_MAX_SEEN]; /* seqs, as they came */
    unsigned seen_count;
    struct fixture_gap gaps[64];
    unsigned gap_count;
    bool told_too_slow;
};

struct fixture {
    struct server server;
    struct io_thread thread;
    uint64_t head;
    unsigned holes; /* between two messages' seqs; 0 unless the test says otherwise */
};

/* `options` is text in the configuration's format. */
void fixture_open(struct fixture *fixture, const char *options);
void fixture_close(struct fixture *fixture);

/* A connected client that has everything up to `cursor`, in no room. `buffer`: bytes that its
 * socket takes while it does not read (0: the system's default). */
void fixture_connect(struct fixture *fixture, struct fixture_client *client, uint64_t cursor,
                     int buffer);
void fixture_disconnect(struct fixture_client *client);

/* The same for one that polls: it has a connection only between fixture_read and the next message.
 * The configuration must have a recovery_time, so that events carry their seq. */
void fixture_connect_polling(struct fixture *fixture, struct fixture_client *client,
                             uint64_t cursor);

/* Joins a room (""; everyone) from now on, or from `from`. */
void fixture_join(struct fixture_client *client, const char *room);
void fixture_join_from(struct fixture_client *client, const char *room, uint64_t from);
void fixture_leave(struct fixture_client *client, const char *room);

/* What a message is addressed to; rooms end with NULL. */
struct fixture_address {
    const char *const *rooms;
    const char *const *except;
    const char *key;
    size_t padding; /* bytes of data */
};

/* Hands the thread a message without running its fan-out; returns its seq. */
uint64_t fixture_accept(struct fixture *fixture, struct fixture_address address);

/* The same by way of delivery_receive, which may hold the message back. */
uint64_t fixture_receive(struct fixture *fixture, struct fixture_address address);

/* The same to one room (NULL: everyone), and runs until nothing is left to be done. */
uint64_t fixture_publish(struct fixture *fixture, const char *room);

/* Runs the thread's event loop until it would wait. */
void fixture_run(struct fixture *fixture);

/* The client reads all that is there. One that polls does so until a poll is left waiting. */
void fixture_read(struct fixture *fixture, struct fixture_client *client);

#endif
