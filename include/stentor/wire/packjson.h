/*
 * packjson.h - JSON text to MessagePack and back.
 *
 * Messages travel through the server as JSON text with binary attachments, for which Socket.IO's
 * placeholders stand: {"_placeholder":true,"num":0}. This is where that meets MessagePack:
 *
 *   JSON                    MessagePack
 *   integer                 int or uint, as many bits as it needs; beyond 64 bits a float 64
 *   any other number        float 64; not-a-number and infinities become null
 *   placeholder             bin, and ext of type 0, which is notepack's ArrayBuffer
 *   text (a date)           the timestamp extension, and notepack's Date (ISO 8601 in JSON)
 *   null                    nil, and notepack's undefined
 *   text (a member's name)  str; integers become their digits
 *
 * msgpack-c reads and writes MessagePack; what it reads may be nested 31 levels deep.
 * Source: the MessagePack specification. Pure functions; any thread.
 */
#ifndef STENTOR_WIRE_PACKJSON_H
#define STENTOR_WIRE_PACKJSON_H

#include <stdbool.h>
#include <stddef.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"
#include "stentor/base/refbuf.h"
#include "stentor/base/strbuf.h"

enum { PACKJSON_MAX_ATTACHMENTS = 10 };

/* What MessagePack was decoded to. */
struct packjson {
    struct strbuf json;
    struct refbuf *attachments[PACKJSON_MAX_ATTACHMENTS];
    size_t attachment_count;
};

/* Appends the value as MessagePack. `json` must be text that jansson accepted; `attachments` are
 * what its placeholders stand for. Without memory `out` is failed. */
void packjson_encode(struct strbuf *out, struct span json, struct refbuf *const *attachments,
                     size_t attachment_count);

/* Decodes one value that takes all of the bytes. False when it is none, or one that JSON cannot
 * say; `*error` is a sentence then. packjson_free is due in either case. */
bool packjson_decode(struct packjson *decoded, const void *data, size_t len,
                     const char **error) MUST_CHECK;
void packjson_free(struct packjson *decoded);

#endif
