/*
 * native_client.h - /ws: clients that speak Stentor's own JSON (subprotocol stentor.json).
 *
 * Its state is the session itself; the connection's I/O thread.
 */
#ifndef STENTORD_NATIVE_CLIENT_H
#define STENTORD_NATIVE_CLIENT_H

#include "http_conn.h"

extern const struct endpoint native_endpoint;

#endif
