/*
 * limits.h - may another client come in?
 *
 * The acceptor asks for each connection, endpoints ask for each client, with an answer that says
 * what is the matter. Each limit has a counter, and the log names it when it is hit.
 *
 * struct limits is part of the server; its fields are atomic. Who may call what stands below.
 */
#ifndef STENTORD_LIMITS_H
#define STENTORD_LIMITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "peer.h"
#include "stentor/base/compiler.h"

struct http_conn;
struct server;

struct limits {
    atomic_uint *addresses; /* connections by a hash of their address, which nobody can foresee */
    uint64_t seed;
    atomic_bool memory_full;
};

/* The main thread, before others are started. False when memory is out. */
bool limits_init(struct limits *limits) MUST_CHECK;
void limits_destroy(struct limits *limits);

/* Any thread: a connection from that address has come, or gone. Returns how many there are now; 0
 * for those of unix sockets, which have no address. */
unsigned limits_count_address(struct limits *limits, const struct peer *peer, int change);

/* The main thread, several times a second: is there memory for more clients? */
void limits_watch_memory(struct server *server);

/* An endpoint that is about to make a client, on its I/O thread. False when the request has been
 * refused. */
bool limits_admit(struct http_conn *http) MUST_CHECK;

#endif
