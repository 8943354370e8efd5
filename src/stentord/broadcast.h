/*
 * broadcast.h - the stage that gives all messages their one order.
 *
 * One thread. It numbers messages, builds each encoding that connected clients use, and posts one
 * mail per I/O thread. Everything here but broadcast_submit belongs to it (or to the main thread
 * while it does not run).
 */
#ifndef STENTORD_BROADCAST_H
#define STENTORD_BROADCAST_H

#include "encoder.h"
#include "publish.h"
#include "stage.h"
#include "stats.h"

struct server;

struct broadcast {
    struct stage stage;
    struct server *server;
    struct stats stats;
    struct config *config; /* a reference */
    struct encoder encoder;
};

int broadcast_init(struct broadcast *broadcast, struct server *server) MUST_CHECK;
void broadcast_destroy(struct broadcast *broadcast);

/* Another configuration, before the message that comes next. */
void broadcast_set_config(struct broadcast *broadcast, struct config *config);

/* Any thread: hands the request over; it comes back to request->origin. */
void broadcast_submit(struct broadcast *broadcast, struct publish_request *request);

#endif
