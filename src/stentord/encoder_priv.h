/*
 * encoder_priv.h - between the encoder's files: what a message says, before it is framed.
 *
 * Pure functions; any thread. Without memory the output is failed.
 */
#ifndef STENTORD_ENCODER_PRIV_H
#define STENTORD_ENCODER_PRIV_H

#include "encoder.h"

/* The native protocol's object, as JSON or MessagePack. */
void encoder_native_json(const struct message *message, struct strbuf *out);
void encoder_native_msgpack(const struct message *message, struct strbuf *out);

/* An event of text/event-stream. */
void encoder_native_sse(const struct message *message, struct strbuf *out);

/* The Socket.IO packet for either parser. With `offset` there is the message's seq behind the
 * arguments, from which clients can have the connection's state recovered. The text's binary data
 * is left to be sent as packets of their own. */
void encoder_socketio_text(const struct message *message, const char *namespace, bool offset,
                           struct strbuf *out);
void encoder_socketio_msgpack(const struct message *message, const char *namespace, bool offset,
                              struct strbuf *out);

#endif
