/*
 * dialect.h - what clients say and understand, per protocol, above the WebSocket frames.
 *
 * Pure dispatch to the client and its crowd; the crowd's thread.
 */
#ifndef STENTOR_SWARM_DIALECT_H
#define STENTOR_SWARM_DIALECT_H

#include <stddef.h>

#include "stentor/base/compiler.h"
#include "stentor/base/strbuf.h"

#include "client.h"
#include "options.h"

/* Appends the request target of the WebSocket handshake. */
void dialect_append_target(struct strbuf *out, const struct options *options);

/* The subprotocol to ask for; NULL: none. */
const char *dialect_subprotocol(enum protocol protocol);

/* The WebSocket is open. */
void dialect_opened(struct client *client);

/* A text or binary message has come. NULL, or the cause for which the client must be dropped. */
const char *dialect_message(struct client *client, const char *text, size_t len) MUST_CHECK;

/* Appends `text` percent-encoded. */
void dialect_append_encoded(struct strbuf *out, const char *text);

#endif
