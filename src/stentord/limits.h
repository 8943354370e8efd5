/*
 * limits.h - may another client come in?
 *
 * The acceptor asks for each connection, endpoints ask for each client, with an answer that says
 * what is the matter. Each limit has a counter, and the log names it when it is hit.
 *
 * struct limits is part of the server. Who may call what stands below.
 */
#ifndef STENTORD_LIMITS_H
#define STENTORD_LIMITS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "address_table.h"
#include "stentor/base/compiler.h"

struct http_conn;
struct server;

struct limits {
    struct address_table addresses; /* the acceptor's */
    atomic_bool memory_full;
};

/* The main thread, before others are started. False when memory is out. */
bool limits_init(struct limits *limits) MUST_CHECK;
void limits_destroy(struct limits *limits);

/* The main thread, several times a second: is there memory for more clients? */
void limits_watch_memory(struct server *server);

/* An endpoint that is about to make a client, on its I/O thread. False when the request has been
 * refused. */
bool limits_admit(struct http_conn *http) MUST_CHECK;

#endif
