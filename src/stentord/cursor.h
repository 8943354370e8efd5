/*
 * cursor.h - where each session of a thread stands, side by side in one table.
 *
 * A fan-out looks at every member of a room; what it has to know of one lies here in 24 bytes, so
 * that a thread's thousands fit into the cache beside what the kernel needs to send, and the
 * sessions and connections themselves are left alone in the common case.
 *
 * Belongs to one I/O thread. A pointer into the table is valid until the next cursor_take or
 * cursor_table_trim.
 */
#ifndef STENTORD_CURSOR_H
#define STENTORD_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

struct session;

/* Who looks after a session (delivery.h). */
enum session_lag { SESSION_CURRENT, SESSION_OWED, SESSION_BLOCKED, SESSION_AWAY, SESSION_GONE };

#define CURSOR_NONE UINT32_MAX

struct cursor {
    uint64_t seq; /* everything that was due up to here has been given; of a free one: the next */
    struct session *session; /* NULL: the slot is free */
    int fd;                  /* of the session's socket */
    uint8_t lag;             /* enum session_lag */
    uint8_t dialect;         /* enum dialect */
    bool moved : 1;          /* OWED because it was moved past a running fan-out */
    bool sealed : 1;         /* what is for it has to go through its connection's transport */
    uint8_t answer; /* a poll waits, to be answered in this way (poll_response.h); 0: a stream */
};

struct cursor_table {
    struct cursor *cursors;
    uint32_t count; /* slots from the first to the last that has been used */
    uint32_t taken; /* of them, in use */
    uint32_t capacity;
    uint32_t free; /* the first free one of them; CURSOR_NONE: none */
};

void cursor_table_init(struct cursor_table *table);
void cursor_table_destroy(struct cursor_table *table);

/* Gives back what is not needed behind the last slot in use. */
void cursor_table_trim(struct cursor_table *table);

/* A slot of its own for a session; CURSOR_NONE when memory is out. */
uint32_t cursor_take(struct cursor_table *table, struct session *session) MUST_CHECK;
void cursor_release(struct cursor_table *table, uint32_t slot);

#endif
