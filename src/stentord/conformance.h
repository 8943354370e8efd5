/*
 * conformance.h - the application that the protocols' official test suites talk to.
 *
 * Switched on by the option conformance, for tests alone. On /engine.io/ every message is sent
 * back. On /socket.io/ a client that connects gets an `auth` event with what it presented; the
 * event `message` comes back as `message-back`, and `message-with-ack` as its acknowledgement. The
 * client's I/O thread.
 */
#ifndef STENTORD_CONFORMANCE_H
#define STENTORD_CONFORMANCE_H

#include "socketio_client.h"

extern const struct engine_app conformance_engine_app;

void conformance_connected(struct socketio_client *client, int namespace, struct span auth);

/* False when the event is none of these. */
bool conformance_event(struct socketio_client *client, const struct socketio_event *event);

#endif
