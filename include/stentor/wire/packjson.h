/*
 * packjson.h - JSON text to MessagePack and back.
 *
 * Messages travel through the server as JSON text with binary attachments, for which Socket.IO's
 * placeholders stand: {"_placeholder":true,"num":0}. This is where that meets MessagePack:
 *
 *   JSON                    MessagePack
 *   integer                 int or uint, as many bits as it needs; beyond 64 bits a float 64
 *   any other number, -0    float 64, and float 32; not-a-number and infinities become null
 *   placeholder             bin, and ext of type 0, which is notepack's ArrayBuffer
 *   text (a date)           the timestamp extension, and notepack's Date (ISO 8601 in JSON)
 *   null                    nil, and notepack's undefined
 *   text (a member's name)  str; integers become their digits
 *
 * msgpack-c reads and writes MessagePack. What it reads may be nested 32 levels deep, counting each
 * array and map; what is written may be as deep as jansson reads JSON, which is 2048 levels. The
 * memory for what is read is in proportion to its bytes, whatever lengths they claim.
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

/* Appends the value as MessagePack. `json` must be text that json.h accepts; `attachments` are
 * what its placeholders stand for. A placeholder of another number, or one that holds arrays or
 * objects, is a map like any other. Without memory `out` is failed. */
void packjson_encode(struct strbuf *out, struct span json, struct refbuf *const *attachments,
                     size_t attachment_count);

/* How many of the bytes does the value take that begins with the first one? False when it is cut
 * off. Takes no memory; whether the value can be decoded is another question. */
bool packjson_skip(const void *data, size_t len, size_t *used) MUST_CHECK;

/* Decodes one value that takes all of the bytes, to text that json.h accepts. False when it is
 * none, or one that JSON cannot say; `*error` is a sentence then. packjson_free is due in either
 * case. A map may look like a placeholder without being one: who hands on the text with the
 * attachments has to see that each is named once. */
bool packjson_decode(struct packjson *decoded, const void *data, size_t len,
                     const char **error) MUST_CHECK;
void packjson_free(struct packjson *decoded);

#endif
