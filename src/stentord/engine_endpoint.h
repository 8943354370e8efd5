/*
 * engine_endpoint.h - where Engine.IO's requests come in: handshakes, polls, upgrades, preflights.
 *
 * A request that names a session is served on the thread that the session lives on. No state.
 */
#ifndef STENTORD_ENGINE_ENDPOINT_H
#define STENTORD_ENGINE_ENDPOINT_H

#include "http_conn.h"

/* /socket.io/, for Socket.IO clients, and /engine.io/, which is there for conformance tests. */
extern const struct endpoint engine_socketio_endpoint;
extern const struct endpoint engine_conformance_endpoint;

#endif
