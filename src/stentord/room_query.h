/*
 * room_query.h - what a client asks for in its request: rooms, a namespace, a place in the journal;
 * and giving it that.
 *
 * No state; the request's I/O thread.
 */
#ifndef STENTORD_ROOM_QUERY_H
#define STENTORD_ROOM_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "http_conn.h"
#include "session.h"

struct server;

struct room_query {
    int namespace;
    bool has_key;
    bool trusted; /* it has one of the keys that there are */
    bool has_since;
    uint64_t since;
    struct strbuf names; /* the rooms' names, decoded, one behind the other */
    struct span *rooms;  /* point into `names` */
    size_t room_count;
};

/* False when the request has been answered: something in it is wrong. room_query_free is due in
 * either case. */
bool room_query_parse(struct http_conn *http, struct room_query *query) MUST_CHECK;
void room_query_free(struct room_query *query);

/* Takes the request's Last-Event-ID for `since`, if it has one. False when it has been answered. */
bool room_query_last_event_id(struct http_conn *http, struct room_query *query) MUST_CHECK;

/* Makes the session a member of everyone in the namespace and of the rooms, from its cursor on.
 * NULL, or a sentence about what is wrong. */
const char *room_query_join(const struct room_query *query, struct session *session);

/* Is `since` ahead of everything that this server has given out? Then it is another server's, or
 * this one's with another clock, and nothing that the client has can be told from what it lacks. */
bool room_query_from_future(const struct room_query *query, const struct server *server);

/* What a client of that thread counts as having: `since`, or everything that there is. */
uint64_t room_query_cursor(const struct room_query *query, const struct io_thread *thread);

/* Tells such a client that it may lack anything, in each of its rooms. May close the session. */
void room_query_tell_unknown(struct session *session);

/* Reads the raw value of a parameter `namespace`; NULL, or a sentence when there is none such. */
const char *room_query_namespace(const struct config *config, struct span value, int *namespace);

#endif
