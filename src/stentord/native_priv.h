/*
 * native_priv.h - what native_client.c, which connects clients and sends to them, and
 * native_command.c, which does what they say, know of each other.
 *
 * Belongs to the connection's I/O thread.
 */
#ifndef STENTORD_NATIVE_PRIV_H
#define STENTORD_NATIVE_PRIV_H

#include "session.h"
#include "ws_conn.h"

extern const struct session_ops native_session_ops;

bool native_is_msgpack(const struct session *session);

/* A native client is in one namespace: that of its first room, which is everyone's. */
int native_namespace(const struct session *session);

/* Sends the object, whose JSON is given, in the client's form. */
void native_send(struct ws_conn *ws, const struct strbuf *text);

/* Does what a message of the client says, and answers it. `limited`: it is to be refused, since the
 * client says too much. */
void native_command_text(struct ws_conn *ws, const uint8_t *payload, size_t len, bool limited);
void native_command_packed(struct ws_conn *ws, const uint8_t *payload, size_t len, bool limited);

#endif
