/*
 * catch_up.h - what is a session due, and giving it that.
 *
 * The part of delivery that looks at one session at a time. What it costs depends on what is due
 * and on the number of the session's rooms, not on how far its cursor lies behind. Belongs to the
 * session's I/O thread.
 */
#ifndef STENTORD_CATCH_UP_H
#define STENTORD_CATCH_UP_H

#include "delivery.h"

enum catch_up_result {
    CATCH_UP_CURRENT, /* it has everything */
    CATCH_UP_BLOCKED, /* its socket is full; or it was answered; or the session is gone */
    CATCH_UP_MORE,    /* it took enough for one turn */
};

/* Gaps first, then messages, several in one system call. */
enum catch_up_result catch_up_session(struct delivery *delivery, struct session *session);

/* Gives the session with that cursor, which is CURRENT, one message which is all that it is due.
 * `head`: the newest seq. */
void catch_up_single(struct delivery *delivery, uint32_t slot, struct message *message,
                     uint64_t head);

/* Has the window moved past something the session is due in a room with policy disconnect? */
bool catch_up_too_slow(const struct session *session);

#endif
