/*
 * echo_client.h - /echo: sends every message back, for conformance suites. Off by default.
 *
 * No state of its own; the connection's I/O thread.
 */
#ifndef STENTORD_ECHO_CLIENT_H
#define STENTORD_ECHO_CLIENT_H

#include "http_conn.h"

extern const struct endpoint echo_endpoint;

#endif
