/*
 * admin_gather.h - an operator's question that every I/O thread has a part of the answer to.
 *
 * The gathering is a mail that goes from thread to thread, beginning and ending with that of the
 * request, so it always belongs to one thread, and no thread waits for another.
 */
#ifndef STENTORD_ADMIN_GATHER_H
#define STENTORD_ADMIN_GATHER_H

#include <jansson.h>

#include "http_conn.h"
#include "stentor/base/strbuf.h"

enum { ADMIN_GATHER_TEXT = 300 };

struct admin_gather {
    unsigned magic;
    struct mail mail;
    struct io_thread *origin;
    struct http_conn *http; /* NULL: who asked has gone; the origin's */
    unsigned visited;       /* threads */
    /* On each thread: adds to the answer. True: the thread has more, from `at` on, and does
     * something else before it is visited again. */
    bool (*visit)(struct admin_gather *gather, struct io_thread *thread);
    /* On the origin, in the end: completes the answer. */
    void (*finish)(struct admin_gather *gather);
    struct strbuf answer; /* JSON; what becomes long is moved to the parts before it */
    struct refbuf **parts;
    size_t part_count;
    uint64_t found; /* elements that are in the answer, or were counted */
    json_t *tally;  /* what is counted by names, until the end; NULL: nothing is */
    uint32_t at;    /* where the next visit of this thread begins; 0 at the first */
    unsigned limit; /* of elements in the answer */
    char room[ADMIN_GATHER_TEXT];
    char address[ADMIN_GATHER_TEXT];
    char session[ADMIN_GATHER_TEXT];
};

/* Reads limit, room, address and session from the query. NULL when the request has been answered
 * with an error. */
struct admin_gather *admin_gather_new(struct http_conn *http) MUST_CHECK;

/* Does the query name a room, an address or a session? */
bool admin_gather_is_selective(const struct admin_gather *gather);

/* Answers with status 400 and frees it, instead of starting. */
void admin_gather_refuse(struct admin_gather *gather, const char *message);

/* Suspends the request and begins. */
void admin_gather_start(struct admin_gather *gather);

#endif
