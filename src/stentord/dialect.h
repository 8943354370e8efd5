/*
 * dialect.h - the forms in which one message may have to leave.
 *
 * A client speaks one dialect for as long as it is connected. The deflated form of a dialect
 * stands right behind its plain one.
 */
#ifndef STENTORD_DIALECT_H
#define STENTORD_DIALECT_H

enum dialect {
    DIALECT_NATIVE,
    DIALECT_NATIVE_DEFLATE,
    DIALECT_SOCKETIO,
    DIALECT_SOCKETIO_DEFLATE,
    DIALECT_COUNT
};

static inline const char *dialect_name(enum dialect dialect)
{
    static const char *const names[DIALECT_COUNT] = {
        "native",
        "native_deflate",
        "socketio",
        "socketio_deflate",
    };

    return names[dialect];
}

static inline enum dialect dialect_deflated(enum dialect plain)
{
    return (enum dialect)(plain + 1);
}

#endif
