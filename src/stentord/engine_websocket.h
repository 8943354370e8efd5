/*
 * engine_websocket.h - Engine.IO over WebSocket: from the start, or after an upgrade from polling.
 *
 * A WebSocket with a session's id is a probe at first: it answers a ping, and with the client's
 * upgrade packet it becomes the session's transport. The engine's I/O thread.
 */
#ifndef STENTORD_ENGINE_WEBSOCKET_H
#define STENTORD_ENGINE_WEBSOCKET_H

#include "engine.h"
#include "http_conn.h"

/* The handshake of a client that begins here; it has been answered. */
void engine_websocket_open(struct http_conn *http, const struct engine_app *app, unsigned protocol);

/* Sends the open packet of a client that was not to get it with the handshake's answer. */
void engine_websocket_begin_late(struct engine *engine);

/* The handshake of a WebSocket to which the engine, which polls, wants to move. */
void engine_websocket_probe(struct http_conn *http, struct engine *engine);

/* Sends a packet as a message. */
void engine_websocket_send(struct engine *engine, struct ws_conn *ws,
                           const struct engine_io_packet *packet);

/* The engine is closed: lets go of its WebSockets. */
void engine_websocket_close(struct engine *engine, enum close_reason reason);

#endif
