#include "stentor/wire/websocket.h"

#include <string.h>

#include "stentor/base/crypto.h"
#include "stentor/base/obj.h"

void ws_reader_init(struct ws_reader *reader)
{
    memset(reader, 0, sizeof(*reader));
}

void ws_reader_free(struct ws_reader *reader)
{
    strbuf_free(&reader->message);
    strbuf_free(&reader->inflated);
}

bool ws_reader_idle(const struct ws_reader *reader)
{
    return reader->header_len == 0 && reader->message_opcode == 0;
}

static bool ws_is_control(uint8_t opcode)
{
    return (opcode & 0x8) != 0;
}

/* The length of the header of which the first two bytes are known. */
static size_t ws_header_size(const uint8_t *header)
{
    size_t size = 2;
    uint8_t len = header[1] & 0x7f;

    if (len == 126)
        size += 2;
    else if (len == 127)
        size += 8;
    return header[1] & 0x80 ? size + 4 : size;
}

static uint64_t ws_big_endian(const uint8_t *p, size_t n)
{
    uint64_t value = 0;

    while (n-- > 0)
        value = value << 8 | *p++;
    return value;
}

/* Does the frame's opcode fit in here? (RFC 6455 section 5.4) */
static bool ws_sequence_allowed(const struct ws_reader *reader, uint8_t opcode)
{
    switch (opcode) {
    case WS_CONTINUATION:
        return reader->message_opcode != 0;
    case WS_TEXT:
    case WS_BINARY:
        return reader->message_opcode == 0;
    case WS_CLOSE:
    case WS_PING:
    case WS_PONG:
        return true;
    default:
        return false;
    }
}

/* The shortest of the three forms must be used, and the highest bit of the longest is 0. */
static bool ws_length_allowed(uint8_t short_len, uint64_t len)
{
    if (short_len == 126)
        return len >= 126;
    if (short_len == 127)
        return len > 0xffff && len >> 63 == 0;
    return true;
}

/* What a message may take on the wire: deflate makes a little more of what it cannot compress. */
static uint64_t ws_wire_limit(const struct ws_reader_config *config, bool compressed)
{
    uint64_t max = config->max_message;

    return compressed ? max + max / 8 + 64 : max;
}

/* Takes the meaning from a complete header; 0 or a close code. */
static int ws_read_header(struct ws_reader *reader, const struct ws_reader_config *config)
{
    const uint8_t *header = reader->header;
    uint8_t opcode = header[0] & 0x0f;
    bool masked = (header[1] & 0x80) != 0;
    bool rsv1 = (header[0] & 0x40) != 0;
    uint8_t short_len = header[1] & 0x7f;
    size_t extended = short_len == 126 ? 2 : short_len == 127 ? 8 : 0;
    uint64_t limit;

    reader->fin = (header[0] & 0x80) != 0;
    reader->opcode = opcode;
    reader->payload_len = extended ? ws_big_endian(header + 2, extended) : short_len;
    reader->payload_done = 0;
    if (masked)
        memcpy(reader->mask, header + 2 + extended, 4);
    if (header[0] & 0x30 || masked != config->from_client || !ws_sequence_allowed(reader, opcode))
        return WS_CODE_PROTOCOL_ERROR;
    if (!ws_length_allowed(short_len, reader->payload_len))
        return WS_CODE_PROTOCOL_ERROR;
    /* RSV1 marks the first frame of a deflated message (RFC 7692 section 6) and nothing else. */
    if (rsv1 && (config->inflater == NULL || (opcode != WS_TEXT && opcode != WS_BINARY)))
        return WS_CODE_PROTOCOL_ERROR;
    if (ws_is_control(opcode)) {
        reader->control_len = 0;
        return reader->fin && short_len <= WS_MAX_CONTROL ? 0 : WS_CODE_PROTOCOL_ERROR;
    }
    limit = ws_wire_limit(config, opcode == WS_CONTINUATION ? reader->compressed : rsv1);
    if (reader->payload_len > limit || reader->message.len + reader->payload_len > limit)
        return WS_CODE_TOO_BIG;
    if (opcode != WS_CONTINUATION) {
        reader->message_opcode = opcode;
        reader->compressed = rsv1;
        reader->utf8 = (struct utf8_state){0};
    }
    return 0;
}

int ws_close_parse(const uint8_t *payload, size_t len, const char **reason, size_t *reason_len)
{
    *reason = "";
    *reason_len = 0;
    if (len < 2)
        return WS_CODE_NONE;
    *reason = (const char *)payload + 2;
    *reason_len = len - 2;
    return (int)ws_big_endian(payload, 2);
}

/* May a peer send this code? (RFC 6455 section 7.4) */
static bool ws_close_code_allowed(int code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static int ws_check_close(const uint8_t *payload, size_t len)
{
    const char *reason;
    size_t reason_len;

    if (len == 0)
        return 0;
    if (len == 1 || !ws_close_code_allowed(ws_close_parse(payload, len, &reason, &reason_len)))
        return WS_CODE_PROTOCOL_ERROR;
    return utf8_valid(reason, reason_len) ? 0 : WS_CODE_INVALID_DATA;
}

static int ws_deliver_control(struct ws_reader *reader, ws_on_message on_message, void *arg)
{
    if (reader->opcode == WS_CLOSE) {
        int code = ws_check_close(reader->control, reader->control_len);
        if (code != 0)
            return code;
    }
    return on_message(arg, reader->opcode, reader->control, reader->control_len);
}

/* Hands out a complete message: `payload` is all of it, as it came over the wire. */
static int ws_deliver(struct ws_reader *reader, const struct ws_reader_config *config,
                      const uint8_t *payload, size_t len, ws_on_message on_message, void *arg)
{
    enum ws_opcode opcode = reader->message_opcode;

    if (reader->compressed) {
        strbuf_clear(&reader->inflated);
        int code = inflater_message(config->inflater, payload, len, config->max_message,
                                    &reader->inflated);
        if (code != 0)
            return code == INFLATE_TOO_BIG ? WS_CODE_TOO_BIG : WS_CODE_INVALID_DATA;
        payload = (const uint8_t *)reader->inflated.data;
        len = reader->inflated.len;
        if (opcode == WS_TEXT && !utf8_valid(payload, len))
            return WS_CODE_INVALID_DATA;
    } else if (opcode == WS_TEXT && !utf8_complete(&reader->utf8)) {
        return WS_CODE_INVALID_DATA;
    }
    reader->message_opcode = 0;
    return on_message(arg, opcode, payload, len);
}

/* Text is checked as it arrives, so that bad UTF-8 fails at once (unless it is deflated). */
static bool ws_text_ok(struct ws_reader *reader, const uint8_t *data, size_t len)
{
    return reader->message_opcode != WS_TEXT || reader->compressed ||
           utf8_feed(&reader->utf8, data, len);
}

/* A piece of a data frame's payload, unmasked. */
static int ws_read_data(struct ws_reader *reader, const struct ws_reader_config *config,
                        const uint8_t *data, size_t len, ws_on_message on_message, void *arg)
{
    bool frame_done = reader->payload_done == reader->payload_len;
    bool whole =
        frame_done && reader->fin && len == reader->payload_len && reader->message.len == 0;
    int result;

    if (!ws_text_ok(reader, data, len))
        return WS_CODE_INVALID_DATA;
    if (whole)
        return ws_deliver(reader, config, data, len, on_message, arg);
    strbuf_append(&reader->message, data, len);
    if (reader->message.failed)
        return WS_CODE_TOO_BIG;
    if (!frame_done || !reader->fin)
        return 0;
    result = ws_deliver(reader, config, (const uint8_t *)reader->message.data, reader->message.len,
                        on_message, arg);
    strbuf_free(&reader->message);
    return result;
}

/* Takes what of `data` belongs to the current frame's payload; `*used` is how much that was. */
static int ws_read_payload(struct ws_reader *reader, const struct ws_reader_config *config,
                           uint8_t *data, size_t len, size_t *used, ws_on_message on_message,
                           void *arg)
{
    uint64_t missing = reader->payload_len - reader->payload_done;
    size_t n = len < missing ? len : (size_t)missing;
    bool frame_done;

    *used = n;
    if (config->from_client)
        ws_mask(data, n, reader->mask, reader->payload_done);
    reader->payload_done += n;
    frame_done = reader->payload_done == reader->payload_len;
    if (frame_done) {
        reader->in_payload = false;
        reader->header_len = 0;
    }
    if (!ws_is_control(reader->opcode))
        return ws_read_data(reader, config, data, n, on_message, arg);
    memcpy(reader->control + reader->control_len, data, n);
    reader->control_len = (uint8_t)(reader->control_len + n);
    return frame_done ? ws_deliver_control(reader, on_message, arg) : 0;
}

/* Moves bytes into the header until it is complete; returns how many. */
static size_t ws_collect_header(struct ws_reader *reader, const uint8_t *data, size_t len)
{
    size_t used = 0;

    while (used < len) {
        if (reader->header_len >= 2 && reader->header_len == ws_header_size(reader->header))
            break;
        reader->header[reader->header_len++] = data[used++];
    }
    return used;
}

int ws_reader_feed(struct ws_reader *reader, const struct ws_reader_config *config, uint8_t *data,
                   size_t len, ws_on_message on_message, void *arg)
{
    size_t pos = 0;

    while (pos < len || reader->in_payload) {
        size_t used = 0;
        int result = 0;

        if (!reader->in_payload) {
            pos += ws_collect_header(reader, data + pos, len - pos);
            if (reader->header_len < 2 || reader->header_len < ws_header_size(reader->header))
                return 0;
            result = ws_read_header(reader, config);
            reader->in_payload = true;
        } else {
            if (pos == len && reader->payload_done < reader->payload_len)
                return 0;
            result = ws_read_payload(reader, config, data + pos, len - pos, &used, on_message, arg);
            pos += used;
        }
        if (result != 0)
            return result;
    }
    return 0;
}

static size_t ws_header_start(uint8_t out[WS_MAX_HEADER], enum ws_opcode opcode, bool rsv1,
                              uint64_t len)
{
    out[0] = (uint8_t)(0x80 | (rsv1 ? 0x40 : 0) | opcode);
    if (len < 126) {
        out[1] = (uint8_t)len;
        return 2;
    }
    size_t n = len <= 0xffff ? 2 : 8;
    out[1] = n == 2 ? 126 : 127;
    for (size_t i = 0; i < n; i++)
        out[2 + i] = (uint8_t)(len >> (8 * (n - 1 - i)));
    return 2 + n;
}

size_t ws_frame_header(uint8_t out[WS_MAX_HEADER], enum ws_opcode opcode, bool rsv1, uint64_t len)
{
    return ws_header_start(out, opcode, rsv1, len);
}

size_t ws_frame_header_masked(uint8_t out[WS_MAX_HEADER], enum ws_opcode opcode, bool rsv1,
                              uint64_t len, const uint8_t mask[4])
{
    size_t n = ws_header_start(out, opcode, rsv1, len);

    out[1] |= 0x80;
    memcpy(out + n, mask, 4);
    return n + 4;
}

void ws_append_frame(struct strbuf *out, enum ws_opcode opcode, bool rsv1, const void *payload,
                     size_t len)
{
    uint8_t header[WS_MAX_HEADER];

    strbuf_append(out, header, ws_frame_header(header, opcode, rsv1, len));
    strbuf_append(out, payload, len);
}

void ws_append_masked_frame(struct strbuf *out, enum ws_opcode opcode, const void *payload,
                            size_t len, const uint8_t mask[4])
{
    uint8_t header[WS_MAX_HEADER];

    strbuf_append(out, header, ws_frame_header_masked(header, opcode, false, len, mask));
    strbuf_append(out, payload, len);
    if (!out->failed)
        ws_mask((uint8_t *)out->data + out->len - len, len, mask, 0);
}

void ws_mask(uint8_t *data, size_t len, const uint8_t mask[4], uint64_t offset)
{
    uint8_t turned[8];
    uint64_t wide, word;
    size_t i = 0;

    for (size_t k = 0; k < sizeof(turned); k++)
        turned[k] = mask[(offset + k) & 3];
    memcpy(&wide, turned, sizeof(wide));
    for (; len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, data + i, sizeof(word));
        word ^= wide;
        memcpy(data + i, &word, sizeof(word));
    }
    for (; i < len; i++)
        data[i] ^= turned[i & 7];
}

bool ws_key_valid(const char *key, size_t len)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    if (len != WS_KEY_LEN || key[22] != '=' || key[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++)
        if (key[i] == '\0' || strchr(alphabet, key[i]) == NULL)
            return false;
    return true;
}

void ws_accept_key(const char *key, size_t len, char accept[WS_ACCEPT_LEN + 1])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[WS_KEY_LEN + sizeof(guid) - 1];
    struct strbuf encoded = STRBUF_INIT;
    uint8_t digest[CRYPTO_SHA1_LEN];

    ENSURE(len == WS_KEY_LEN);
    memcpy(text, key, len);
    memcpy(text + len, guid, sizeof(guid) - 1);
    crypto_sha1(text, sizeof(text), digest);
    crypto_base64(&encoded, digest, sizeof(digest));
    memset(accept, 0, WS_ACCEPT_LEN + 1);
    if (!encoded.failed)
        memcpy(accept, encoded.data, WS_ACCEPT_LEN);
    strbuf_free(&encoded);
}
