/*
 * outq.h - the bytes that a socket did not take: a queue of references, for one connection.
 *
 * It exists only while it holds something. What it holds is for this client alone (answers, pings,
 * the rest of a message that was cut); broadcasts wait in the journal, not here.
 * Belongs to the connection's I/O thread.
 */
#ifndef STENTORD_OUTQ_H
#define STENTORD_OUTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "stentor/base/refbuf.h"

struct outq {
    size_t bytes;  /* that have yet to be written */
    size_t offset; /* into the first item */
    unsigned begin;
    unsigned end;
    unsigned capacity;
    struct refbuf **items;
};

/* Appends what lies behind `offset` in `buf`, with a reference of its own. Makes the queue if
 * `*queue` is NULL. False when memory is out. */
bool outq_append(struct outq **queue, struct refbuf *buf, size_t offset) MUST_CHECK;

/* Bytes that wait behind the first item, which is being sent and may be a message of any size; of a
 * NULL queue none. */
static inline size_t outq_behind_first(const struct outq *queue)
{
    return queue != NULL ? queue->bytes - (queue->items[queue->begin]->len - queue->offset) : 0;
}

/* Points up to `max` elements of `iov` to the bytes that come next; returns how many. */
int outq_peek(const struct outq *queue, struct iovec *iov, int max);

/* `n` bytes were written; frees the queue, and sets `*queue` to NULL, when they were the last. */
void outq_consume(struct outq **queue, size_t n);

void outq_free(struct outq **queue);

#endif
