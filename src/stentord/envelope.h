/*
 * envelope.h - from a publisher's JSON to a message, with every check on the way.
 *
 * Used by all who publish: HTTP, native clients, Socket.IO clients. No state; any I/O thread.
 */
#ifndef STENTORD_ENVELOPE_H
#define STENTORD_ENVELOPE_H

#include "config.h"
#include "grid.h"
#include "message.h"
#include "session_id.h"

enum { ENVELOPE_ERROR = 160 };

/* The one session that a message is for. */
struct envelope_to {
    bool given;
    bool known; /* it could be the id of one */
    uint8_t id[SESSION_ID_BYTES];
    bool neighbour; /* it is one of the sender's, in the room of the message */
    enum grid_direction direction;
};

/* What an envelope leaves open. */
struct envelope_context {
    const struct config *config;
    unsigned io_threads;
    int namespace; /* used when the envelope names none; the only one if `fixed_namespace` */
    bool fixed_namespace;
    struct refbuf *const *attachments; /* for placeholders in the data */
    size_t attachment_count;
    struct envelope_to *to; /* filled in; NULL: the message is for rooms */
};

/* The message of one envelope {namespace, room | rooms, except, event, data | args, key,
 * seq}, or with `to`, which takes none of except, key and seq, and a room only for a neighbour;
 * `text` has been accepted by json_text_valid. NULL after a mistake: `error` is a sentence. */
struct message *envelope_parse(const struct envelope_context *context, struct span text,
                               char error[ENVELOPE_ERROR]) MUST_CHECK;

/* A sentence when that cannot be a room's name, or an event's; NULL when it can. */
const char *envelope_check_room(struct span name);
const char *envelope_check_event(struct span name);

/* Does each of Socket.IO's placeholders in the JSON stand for an attachment of its own? NULL or a
 * sentence. */
const char *envelope_check_attachments(struct span json, size_t attachments);

#endif
