/*
 * session_ops.h - what a protocol does for its sessions.
 *
 * A constant table of functions for each protocol; called on the session's I/O thread.
 */
#ifndef STENTORD_SESSION_OPS_H
#define STENTORD_SESSION_OPS_H

#include <stdint.h>
#include <sys/types.h>

#include "directed.h"
#include "stentor/base/refbuf.h"

struct neighbours_asker;
struct neighbours_news;
struct room;
struct session;

/* How a session's protocol says things that are for this client alone. */
struct session_ops {
    /* Messages of the room from `from` to `to` will not come. May close the session. */
    void (*gap)(struct session *session, const struct room *room, uint64_t from, uint64_t to);
    /* Closes the session: it fell too far behind. */
    void (*too_slow)(struct session *session);
    /* Closes the session: an operator wants that. */
    void (*kick)(struct session *session);
    /* The id by which others address the client in a namespace; NULL: by none. */
    const uint8_t *(*address)(const struct session *session, int namespace);
    /* Puts a directed message into the client's queue. May close the session. */
    enum directed_result (*directed)(struct session *session, const struct directed *directed);
    /* In a grid room: where the client is now, and who is next to it. Who asked (NULL: nobody) gets
     * that as his answer; without news, that there is no memory. May close the session. NULL: the
     * protocol knows no grids. */
    void (*neighbours)(struct session *session, int namespace, const struct neighbours_news *news,
                       const struct neighbours_asker *asker);
    /* These two for polls. Sends the encodings as one response; what the socket does not take is
     * kept. Bytes that were written, or -1 when they were not: the session is gone, or was AWAY
     * first. */
    ssize_t (*answer)(struct session *session, struct refbuf *const *encodings, int count);
    /* A response with one message has been sent, and something is to be done about its connection
     * at once. In the common case it is not: the session is AWAY and finds out with the next poll.
     */
    void (*answered)(struct session *session);
};

#endif
