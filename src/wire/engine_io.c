#include "stentor/wire/engine_io.h"

#include <string.h>

#include "stentor/base/crypto.h"
#include "stentor/base/utf8.h"

enum {
    ENGINE_IO_MAX_DIGITS = 9, /* lengths below 10^9 */
    ENGINE_IO_LENGTH_END = 0xff,
};

bool engine_io_type_valid(char c)
{
    return c >= ENGINE_IO_OPEN && c <= ENGINE_IO_NOOP;
}

bool engine_io_parse_text(struct span text, struct engine_io_packet *packet)
{
    if (text.len == 0 || !engine_io_type_valid(text.ptr[0]))
        return false;
    *packet = (struct engine_io_packet){
        .type = (enum engine_io_type)text.ptr[0],
        .data = {text.ptr + 1, text.len - 1},
    };
    return true;
}

void engine_io_reader_init(struct engine_io_reader *reader, enum engine_io_payload form,
                           struct span payload)
{
    *reader = (struct engine_io_reader){
        .form = form,
        .rest = payload,
        .binary = STRBUF_INIT,
    };
}

void engine_io_reader_free(struct engine_io_reader *reader)
{
    strbuf_free(&reader->binary);
}

/* A `message` packet with the data that the base64 stands for. */
static bool engine_io_read_base64(struct engine_io_reader *reader, struct span text,
                                  struct engine_io_packet *packet)
{
    strbuf_clear(&reader->binary);
    if (!crypto_base64_decode(&reader->binary, text.ptr, text.len))
        return false;
    *packet = (struct engine_io_packet){
        .type = ENGINE_IO_MESSAGE,
        .binary = true,
        .data = {reader->binary.data, reader->binary.len},
    };
    return true;
}

static void engine_io_advance(struct engine_io_reader *reader, size_t len)
{
    reader->rest.ptr += len;
    reader->rest.len -= len;
}

static bool engine_io_next_4(struct engine_io_reader *reader, struct engine_io_packet *packet)
{
    const char *end = memchr(reader->rest.ptr, ENGINE_IO_SEPARATOR, reader->rest.len);
    size_t len = end != NULL ? (size_t)(end - reader->rest.ptr) : reader->rest.len;
    struct span text = {reader->rest.ptr, len};

    /* A separator with nothing behind it stays: an empty packet, which is none, is still to come.
     */
    engine_io_advance(reader, end != NULL && len + 1 < reader->rest.len ? len + 1 : len);
    if (len > 0 && text.ptr[0] == 'b')
        return engine_io_read_base64(reader, (struct span){text.ptr + 1, len - 1}, packet);
    return engine_io_parse_text(text, packet);
}

static bool engine_io_next_3(struct engine_io_reader *reader, struct engine_io_packet *packet)
{
    size_t units = 0, digits = 0, len;

    while (digits < reader->rest.len && digits <= ENGINE_IO_MAX_DIGITS &&
           reader->rest.ptr[digits] >= '0' && reader->rest.ptr[digits] <= '9')
        units = units * 10 + (size_t)(reader->rest.ptr[digits++] - '0');
    if (digits == 0 || digits > ENGINE_IO_MAX_DIGITS || digits == reader->rest.len ||
        reader->rest.ptr[digits] != ':')
        return false;
    engine_io_advance(reader, digits + 1);
    len = utf8_utf16_bytes(reader->rest.ptr, reader->rest.len, units);
    if (len == SIZE_MAX)
        return false;
    struct span text = {reader->rest.ptr, len};
    engine_io_advance(reader, len);
    if (len > 1 && text.ptr[0] == 'b')
        return text.ptr[1] == ENGINE_IO_MESSAGE &&
               engine_io_read_base64(reader, (struct span){text.ptr + 2, len - 2}, packet);
    return engine_io_parse_text(text, packet);
}

static bool engine_io_next_3_binary(struct engine_io_reader *reader,
                                    struct engine_io_packet *packet)
{
    const unsigned char *p = (const unsigned char *)reader->rest.ptr;
    size_t len = 0, i = 1;
    bool binary = p[0] == 1;

    while (i < reader->rest.len && i <= ENGINE_IO_MAX_DIGITS && p[i] <= 9)
        len = len * 10 + p[i++];
    if (p[0] > 1 || i == 1 || i >= reader->rest.len || p[i] != ENGINE_IO_LENGTH_END ||
        len > reader->rest.len - i - 1)
        return false;
    engine_io_advance(reader, i + 1);
    struct span data = {reader->rest.ptr, len};
    engine_io_advance(reader, len);
    if (!binary)
        return utf8_valid(data.ptr, data.len) && engine_io_parse_text(data, packet);
    if (len == 0 || data.ptr[0] != ENGINE_IO_MESSAGE - '0')
        return false;
    *packet = (struct engine_io_packet){
        .type = ENGINE_IO_MESSAGE,
        .binary = true,
        .data = {data.ptr + 1, len - 1},
    };
    return true;
}

enum engine_io_result engine_io_reader_next(struct engine_io_reader *reader,
                                            struct engine_io_packet *packet)
{
    bool good = false;

    if (reader->rest.len == 0)
        return ENGINE_IO_END;
    switch (reader->form) {
    case ENGINE_IO_PAYLOAD_4:
        good = engine_io_next_4(reader, packet);
        break;
    case ENGINE_IO_PAYLOAD_3:
        good = engine_io_next_3(reader, packet);
        break;
    case ENGINE_IO_PAYLOAD_3_BINARY:
        good = engine_io_next_3_binary(reader, packet);
        break;
    }
    return good ? ENGINE_IO_PACKET : ENGINE_IO_FAILED;
}

static void engine_io_append_4(struct strbuf *out, const struct engine_io_packet *packet)
{
    strbuf_append_char(out, ENGINE_IO_SEPARATOR);
    strbuf_append_char(out, packet->binary ? 'b' : (char)packet->type);
    if (packet->binary)
        crypto_base64(out, packet->data.ptr, packet->data.len);
    else
        strbuf_append(out, packet->data.ptr, packet->data.len);
}

static void engine_io_append_3(struct strbuf *out, const struct engine_io_packet *packet)
{
    size_t len = packet->data.len;

    if (packet->binary) {
        strbuf_printf(out, "%zu:b%c", (len + 2) / 3 * 4 + 2, packet->type);
        crypto_base64(out, packet->data.ptr, len);
        return;
    }
    strbuf_printf(out, "%zu:%c", utf8_utf16_length(packet->data.ptr, len) + 1, packet->type);
    strbuf_append(out, packet->data.ptr, len);
}

static void engine_io_append_3_binary(struct strbuf *out, const struct engine_io_packet *packet)
{
    struct strbuf digits = STRBUF_INIT;

    strbuf_printf(&digits, "%zu", packet->data.len + 1);
    strbuf_append_char(out, packet->binary ? 1 : 0);
    for (size_t i = 0; i < digits.len; i++)
        strbuf_append_char(out, (char)(digits.data[i] - '0'));
    strbuf_append_char(out, (char)ENGINE_IO_LENGTH_END);
    strbuf_append_char(out, packet->binary ? (char)(packet->type - '0') : (char)packet->type);
    strbuf_append(out, packet->data.ptr, packet->data.len);
    out->failed |= digits.failed;
    strbuf_free(&digits);
}

void engine_io_append_packet(struct strbuf *out, enum engine_io_payload form,
                             const struct engine_io_packet *packet)
{
    switch (form) {
    case ENGINE_IO_PAYLOAD_4:
        engine_io_append_4(out, packet);
        break;
    case ENGINE_IO_PAYLOAD_3:
        engine_io_append_3(out, packet);
        break;
    case ENGINE_IO_PAYLOAD_3_BINARY:
        engine_io_append_3_binary(out, packet);
        break;
    }
}

void engine_io_append_open(struct strbuf *out, const struct engine_io_handshake *handshake)
{
    strbuf_printf(out,
                  "{\"sid\":\"%s\",\"upgrades\":[%s],\"pingInterval\":%u,\"pingTimeout\":%u,"
                  "\"maxPayload\":%zu}",
                  handshake->sid, handshake->upgrades ? "\"websocket\"" : "",
                  handshake->ping_interval, handshake->ping_timeout, handshake->max_payload);
}

void engine_io_append_error(struct strbuf *out, enum engine_io_error error)
{
    static const char *const messages[] = {
        [ENGINE_IO_UNKNOWN_TRANSPORT] = "Transport unknown",
        [ENGINE_IO_UNKNOWN_SID] = "Session ID unknown",
        [ENGINE_IO_BAD_HANDSHAKE_METHOD] = "Bad handshake method",
        [ENGINE_IO_BAD_REQUEST] = "Bad request",
        [ENGINE_IO_FORBIDDEN] = "Forbidden",
        [ENGINE_IO_UNSUPPORTED_PROTOCOL] = "Unsupported protocol version",
    };

    strbuf_printf(out, "{\"code\":%d,\"message\":\"%s\"}", (int)error, messages[error]);
}
