/*
 * session_id.h - the ids of sessions, sockets and pids: 16 bytes, 22 characters as text.
 *
 * The first byte names the I/O thread. In the ids of sessions and sockets the next four name the
 * session's place in the thread's table of cursors, by which it is found; all others are random. An
 * Engine.IO session's id and a pid are secrets; a socket's id, and that of a native or SSE client,
 * is the address by which others send to it.
 * A pool belongs to one I/O thread.
 */
#ifndef STENTORD_SESSION_ID_H
#define STENTORD_SESSION_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

enum {
    SESSION_ID_BYTES = 16,
    SESSION_ID_TEXT = 23, /* base64url and NUL */
    SESSION_ID_ANY_SERVER =
        256, /* threads: for ids that may be those of another server's clients */
};

/* Random bytes in store: asking for many at once is cheaper than for a few at a time. */
struct session_id_pool {
    uint8_t io_thread;
    size_t left;
    uint8_t bytes[1024];
};

/* A new id that names the pool's thread. */
void session_id_make(struct session_id_pool *pool, uint8_t id[SESSION_ID_BYTES]);

/* Writes an id as text: to a SESSION_ID_TEXT buffer. */
void session_id_text(const uint8_t id[SESSION_ID_BYTES], char *text);

/* Reads it back. False when it cannot be the id of one of so many threads. */
bool session_id_parse(uint8_t id[SESSION_ID_BYTES], const char *text, size_t len,
                      unsigned io_threads) MUST_CHECK;

#endif
