/*
 * watch.h - what the main thread looks after several times a second while the server runs: memory,
 * and what the log has held back.
 */
#ifndef STENTORD_WATCH_H
#define STENTORD_WATCH_H

#include <event2/event_struct.h>
#include <stdbool.h>

#include "stentor/base/compiler.h"

struct server;

struct watch {
    struct event timer;
};

bool watch_start(struct server *server) MUST_CHECK;
void watch_stop(struct server *server);

#endif
