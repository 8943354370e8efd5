/*
 * session.h - a WebSocket session from its first message to its end.
 *
 * Runs in its caller's thread until it is over: answers pings, asks a silent server whether it is
 * still there, closes properly on SIGINT and SIGTERM, and says on standard error why it ended.
 */
#ifndef STENTORCTL_SESSION_H
#define STENTORCTL_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "stentor/base/compiler.h"
#include "upgrade.h"

struct session_handler {
    /* One text message, valid during the call; false ends the session as failed, after the
     * handler has complained. */
    bool (*on_text)(void *arg, const char *text, size_t len);
    /* Everything that had arrived was handled: the time to flush. False as above. */
    bool (*on_pause)(void *arg);
    void *arg;
};

/* CTL_OK when a signal ended it, CTL_FAILED otherwise. */
int session_run(struct upgrade *upgrade, const char *server,
                const struct session_handler *handler) MUST_CHECK;

#endif
