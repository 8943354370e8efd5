/*
 * room_query.h - what a client asks for in the query of its URL: rooms, a namespace, a place in the
 * journal.
 *
 * Pure, but for the answer to a bad request; the request's I/O thread.
 */
#ifndef STENTORD_ROOM_QUERY_H
#define STENTORD_ROOM_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "http_conn.h"

struct room_query {
    int namespace;
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

/* Reads the raw value of a parameter `namespace`; NULL, or a sentence when there is none such. */
const char *room_query_namespace(const struct config *config, struct span value, int *namespace);

#endif
