/*
 * dialect.h - the forms in which one message may have to leave.
 *
 * A client speaks one dialect at a time. The deflated form of a WebSocket dialect stands right
 * behind its plain one. Polling dialects are packets of a payload, which leave in HTTP responses.
 */
#ifndef STENTORD_DIALECT_H
#define STENTORD_DIALECT_H

#include <stdbool.h>

enum dialect {
    DIALECT_NATIVE,
    DIALECT_NATIVE_DEFLATE,
    DIALECT_NATIVE_MSGPACK,
    DIALECT_NATIVE_MSGPACK_DEFLATE,
    DIALECT_SOCKETIO,
    DIALECT_SOCKETIO_DEFLATE,
    DIALECT_SOCKETIO_MSGPACK,
    DIALECT_SOCKETIO_MSGPACK_DEFLATE,
    DIALECT_SOCKETIO3, /* over Engine.IO 3 */
    DIALECT_SOCKETIO3_DEFLATE,
    DIALECT_POLLING,
    DIALECT_POLLING_MSGPACK,
    DIALECT_POLLING3,
    DIALECT_POLLING3_BINARY,
    DIALECT_SSE,
    DIALECT_COUNT
};

static inline const char *dialect_name(enum dialect dialect)
{
    static const char *const names[DIALECT_COUNT] = {
        "native",
        "native_deflate",
        "native_msgpack",
        "native_msgpack_deflate",
        "socketio",
        "socketio_deflate",
        "socketio_msgpack",
        "socketio_msgpack_deflate",
        "socketio3",
        "socketio3_deflate",
        "polling",
        "polling_msgpack",
        "polling3",
        "polling3_binary",
        "sse",
    };

    return names[dialect];
}

/* The form of a WebSocket dialect with or without permessage-deflate. */
static inline enum dialect dialect_with_deflate(enum dialect plain, bool deflate)
{
    return (enum dialect)(plain + (deflate ? 1 : 0));
}

static inline bool dialect_is_polling(enum dialect dialect)
{
    return dialect >= DIALECT_POLLING && dialect <= DIALECT_POLLING3_BINARY;
}

#endif
