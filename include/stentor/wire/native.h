/*
 * native.h - Stentor's own protocol on /ws (subprotocols stentor.json and stentor.msgpack).
 *
 * Each WebSocket message is one object with a `type`, as JSON text or (see packjson.h) as a
 * MessagePack map in a binary message:
 *   from the server  hello, message, directed, neighbours, gap, ack, error, pong
 *   from the client  auth, join, leave, publish, send, ping
 * stentor-protocol(7) describes their members. Pure functions; any thread.
 */
#ifndef STENTOR_WIRE_NATIVE_H
#define STENTOR_WIRE_NATIVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"
#include "stentor/base/strbuf.h"

#define NATIVE_SUBPROTOCOL "stentor.json"
#define NATIVE_SUBPROTOCOL_MSGPACK "stentor.msgpack"

enum { NATIVE_DIRECTIONS = 4 }; /* north, east, south, west */

enum native_command_type {
    NATIVE_AUTH,
    NATIVE_JOIN,
    NATIVE_LEAVE,
    NATIVE_PUBLISH,
    NATIVE_SEND,
    NATIVE_PING,
};

struct native_command {
    enum native_command_type type;
    json_t *root;      /* owns the strings; native_command_free */
    const char *room;  /* join, leave, publish; NULL: none (publish: everyone) */
    const char *event; /* publish, send */
    const char *key;   /* auth */
    struct span data;  /* the same: the raw text of `data`; empty: none */
    struct span id;    /* the raw text of `id`, given back in the answer; empty: none */
};

/* False when the text is not a command; `*error` is a sentence for its sender, and `command->id`
 * is set if it could be found. native_command_free is due in either case. */
bool native_parse(const char *text, size_t len, struct native_command *command,
                  const char **error) MUST_CHECK;
void native_command_free(struct native_command *command);

/* Appends {"type":"hello",...}; `seq` is the newest message that the client counts as having. */
void native_append_hello(struct strbuf *out, const char *session, const char *namespace,
                         uint64_t seq);

/* {"type":"message",...}: `room` is a JSON value (null: everyone), `args` the raw arguments with
 * commas between them: one becomes `data`, any other number the array `args`. */
void native_append_message(struct strbuf *out, uint64_t seq, struct span room, const char *event,
                           size_t event_len, struct span args, size_t arg_count);

/* {"type":"directed",...}, with the arguments in the same way: from that session (NULL: from a
 * publisher) to this client alone. */
void native_append_directed(struct strbuf *out, const char *from, struct span event,
                            struct span args, size_t arg_count);

/* The members of whoever is told of his neighbours: "cell":{"x":...,"y":...}; and the ids in the
 * four directions, NULL where nobody is, "north":"...","east":null,... */
void native_append_cell(struct strbuf *out, uint32_t x, uint32_t y);
void native_append_ids(struct strbuf *out, const char *const ids[NATIVE_DIRECTIONS]);

/* {"type":"neighbours",...} of a member of the grid room. */
void native_append_neighbours(struct strbuf *out, const char *room, uint32_t x, uint32_t y,
                              const char *const ids[NATIVE_DIRECTIONS]);

/* The members of a gap, "room":...,"from":...,"to":..., as other protocols' gap events have them,
 * too. */
void native_append_gap_members(struct strbuf *out, const char *room, uint64_t from, uint64_t to);

/* {"type":"gap",...}: messages of the room (NULL: of everyone) from `from` to `to`, both included,
 * will not come. */
void native_append_gap(struct strbuf *out, const char *room, uint64_t from, uint64_t to);

/* {"type":"ack",...}, {"type":"pong",...} or, with a sentence, {"type":"error",...}. */
void native_append_ack(struct strbuf *out, struct span id);
void native_append_pong(struct strbuf *out, struct span id);
void native_append_error(struct strbuf *out, struct span id, const char *error);

#endif
