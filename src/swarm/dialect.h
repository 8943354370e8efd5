/*
 * dialect.h - what servers say to clients, above what carries it.
 *
 * Functions that take a message return NULL, or the cause for which the client must be dropped.
 * They move the client and its crowd on; the crowd's thread.
 */
#ifndef STENTOR_SWARM_DIALECT_H
#define STENTOR_SWARM_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"
#include "stentor/wire/engine_io.h"

#include "client.h"

/* Messages from a WebSocket: of a server that passes published data on in a form of its own; of
 * Stentor's own protocol, as JSON or MessagePack; of Engine.IO with Socket.IO in it. */
const char *dialect_plain(struct client *client, bool binary, struct span data) MUST_CHECK;
const char *dialect_native(struct client *client, bool binary, struct span data) MUST_CHECK;
const char *dialect_socketio(struct client *client, bool binary, struct span data) MUST_CHECK;

/* A packet of Engine.IO, whatever carried it. */
const char *dialect_socketio_packet(struct client *client,
                                    const struct engine_io_packet *packet) MUST_CHECK;

/* Leaves the namespace. */
const char *dialect_socketio_leave(struct client *client) MUST_CHECK;

/* Sends data to another client by its name on the server, or, if there is a room, by the direction
 * in which it is in that grid; the answer will name `id`. */
const char *dialect_send(struct client *client, const char *to, const char *room, struct span data,
                         uint32_t id) MUST_CHECK;

/* Sends an event of that name, or what comes next to it in the dialect. */
const char *dialect_emit(struct client *client, const char *event, struct span data) MUST_CHECK;

/* The same for Socket.IO: an event with one argument, and an id for its answer if it has one. */
const char *dialect_socketio_event(struct client *client, const char *event, struct span data,
                                   const uint32_t *id) MUST_CHECK;

/* Sends the heartbeat, which was the client's business in protocol 3. */
const char *dialect_socketio_beat(struct client *client) MUST_CHECK;

/* The member `name` of text that is a JSON object; what a server sends may be anything. */
bool dialect_member(struct span text, const char *name, struct span *value) MUST_CHECK;

bool dialect_starts(struct span text, const char *prefix) MUST_CHECK;

#endif
