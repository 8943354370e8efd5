/*
 * neighbours.h - who is next to whom in a grid room, over all I/O threads.
 *
 * A grid has one owner: the I/O thread that its name hashes to, its home, whoever its members are.
 *
 *   join   the member's thread -> home     it is in the room now
 *   leave  the member's thread -> home     it is not any more
 *   place  home -> a member's thread       its cell and its neighbours, when these have changed
 *
 * A join or a leave makes nine places at most. What a place says is told to the client, and kept in
 * its seat as the neighbours' threads and places there: to send to one of them is one mail,
 * straight to its thread. Mails of one thread arrive in order; a place for a client that has left
 * is dropped.
 *
 * Each function is for the session's I/O thread.
 */
#ifndef STENTORD_NEIGHBOURS_H
#define STENTORD_NEIGHBOURS_H

#include "directed.h"
#include "grid.h"
#include "session.h"

/* What a member is told. */
struct neighbours_news {
    const struct room *room;
    uint32_t x, y;                                  /* its cell */
    uint32_t members;                               /* of the grid, it included */
    bool there[GRID_DIRECTIONS];                    /* is somebody? */
    uint8_t ids[GRID_DIRECTIONS][SESSION_ID_BYTES]; /* their addresses */
};

/* Who wants an answer to a join: a client, who finds it by a number or a text. */
struct neighbours_asker {
    bool wanted;
    uint64_t ack;
    struct span tag;
};

/* The session is in the room, or was already: if it is a grid, gets it a cell. Then the session's
 * protocol is told (session_ops.h), and with the first time the asker is answered. True when it
 * will be so; false, and no mistake, when it is no grid or the client has no address; without
 * memory
 * `*error` is a sentence. */
bool neighbours_join(struct session *session, int namespace, struct span name,
                     const struct neighbours_asker *asker, const char **error);

/* Its membership, which has a seat, is about to end. */
void neighbours_leave(struct session *session, struct membership *membership);

/* Where the neighbour is, for a directed message of which `tagged` is to be set. NULL, or a
 * sentence when nobody is there. */
const char *neighbours_find(const struct session *session, int namespace, struct span name,
                            enum grid_direction direction, uint8_t at[SESSION_ID_BYTES]) MUST_CHECK;

/* The ids as text, for native_append_ids. */
struct neighbours_ids {
    const char *ids[GRID_DIRECTIONS];
    char text[GRID_DIRECTIONS][SESSION_ID_TEXT];
};

void neighbours_ids(const struct neighbours_news *news, struct neighbours_ids *ids);

#endif
