#include "stentor/wire/socket_io.h"

#include <jansson.h>
#include <string.h>

enum { SOCKET_IO_MAX_DIGITS = 15 }; /* ids up to 2^49 fit in every client's numbers */

/* Reads decimal digits at `*pos`; false when there are none, or too many. */
static bool socket_io_number(const char *text, size_t len, size_t *pos, uint64_t *value)
{
    size_t start = *pos;

    *value = 0;
    while (*pos < len && text[*pos] >= '0' && text[*pos] <= '9')
        *value = *value * 10 + (uint64_t)(text[(*pos)++] - '0');
    return *pos > start && *pos - start <= SOCKET_IO_MAX_DIGITS;
}

static bool socket_io_is_binary(enum socket_io_type type)
{
    return type == SOCKET_IO_BINARY_EVENT || type == SOCKET_IO_BINARY_ACK;
}

bool socket_io_event_reserved(const char *name, size_t len)
{
    static const char *const reserved[] = {"connect",       "connect_error", "disconnect",
                                           "disconnecting", "newListener",   "removeListener"};

    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (strlen(reserved[i]) == len && memcmp(reserved[i], name, len) == 0)
            return true;
    return false;
}

static bool socket_io_event_valid(const json_t *args)
{
    const json_t *name = json_array_get(args, 0);

    return json_is_string(name) &&
           !socket_io_event_reserved(json_string_value(name), json_string_length(name));
}

/* Does the data have the form that the type asks for? NULL means that there is none. */
static bool socket_io_data_valid(enum socket_io_type type, const json_t *data)
{
    switch (type) {
    case SOCKET_IO_CONNECT:
        return data == NULL || json_is_object(data);
    case SOCKET_IO_DISCONNECT:
        return data == NULL;
    case SOCKET_IO_EVENT:
    case SOCKET_IO_BINARY_EVENT:
        return json_is_array(data) && socket_io_event_valid(data);
    case SOCKET_IO_ACK:
    case SOCKET_IO_BINARY_ACK:
        return json_is_array(data);
    case SOCKET_IO_CONNECT_ERROR:
        return json_is_object(data) || json_is_string(data);
    }
    return false;
}

static bool socket_io_check_data(const struct socket_io_packet *packet)
{
    json_t *data = NULL;
    bool valid;

    if (packet->data.len > 0) {
        data = json_load_text(packet->data.ptr, packet->data.len);
        if (data == NULL)
            return false;
    }
    valid = socket_io_data_valid(packet->type, data);
    json_decref(data);
    return valid;
}

static bool socket_io_parse_attachments(const char *text, size_t len, size_t *pos,
                                        struct socket_io_packet *packet)
{
    uint64_t count;

    if (!socket_io_number(text, len, pos, &count) || count > SOCKET_IO_MAX_ATTACHMENTS)
        return false;
    packet->attachments = (unsigned)count;
    return *pos < len && text[(*pos)++] == '-';
}

static void socket_io_parse_namespace(const char *text, size_t len, size_t *pos,
                                      struct socket_io_packet *packet)
{
    packet->namespace = (struct span){"/", 1};
    if (*pos == len || text[*pos] != '/')
        return;
    const char *start = text + *pos;
    const char *comma = memchr(start, ',', len - *pos);
    packet->namespace.ptr = start;
    packet->namespace.len = comma != NULL ? (size_t)(comma - start) : len - *pos;
    *pos += packet->namespace.len + (comma != NULL ? 1 : 0);
}

bool socket_io_parse(const char *text, size_t len, struct socket_io_packet *packet,
                     const char **error)
{
    size_t pos = 1;

    memset(packet, 0, sizeof(*packet));
    if (len == 0 || text[0] < '0' || text[0] > '0' + SOCKET_IO_BINARY_ACK) {
        *error = "unknown packet type";
        return false;
    }
    packet->type = (enum socket_io_type)(text[0] - '0');
    if (socket_io_is_binary(packet->type) &&
        !socket_io_parse_attachments(text, len, &pos, packet)) {
        *error = "bad number of attachments";
        return false;
    }
    socket_io_parse_namespace(text, len, &pos, packet);
    if (pos < len && text[pos] >= '0' && text[pos] <= '9') {
        packet->has_ack = true;
        if (!socket_io_number(text, len, &pos, &packet->ack)) {
            *error = "bad acknowledgement id";
            return false;
        }
    }
    packet->data = (struct span){text + pos, len - pos};
    *error = "bad payload";
    return socket_io_check_data(packet);
}

void socket_io_append_head(struct strbuf *out, const struct socket_io_packet *packet)
{
    strbuf_append_char(out, (char)('0' + packet->type));
    if (socket_io_is_binary(packet->type))
        strbuf_printf(out, "%u-", packet->attachments);
    if (packet->namespace.len > 1) {
        strbuf_append(out, packet->namespace.ptr, packet->namespace.len);
        strbuf_append_char(out, ',');
    }
    if (packet->has_ack)
        strbuf_printf(out, "%llu", (unsigned long long)packet->ack);
}

/* An unsigned number's digits; false for anything else. */
static bool socket_io_span_number(struct span text, uint64_t *value)
{
    size_t pos = 0;

    return socket_io_number(text.ptr, text.len, &pos, value) && pos == text.len;
}

/* A string without escapes, without its quotes. */
static bool socket_io_span_string(struct span raw, struct span *text)
{
    if (raw.len < 2 || raw.ptr[0] != '"' || memchr(raw.ptr, '\\', raw.len) != NULL)
        return false;
    *text = (struct span){raw.ptr + 1, raw.len - 2};
    return true;
}

static bool socket_io_is_null(struct span raw)
{
    return raw.len == 4 && memcmp(raw.ptr, "null", 4) == 0;
}

/* Reads the members of the map. JavaScript's undefined has become null. */
static bool socket_io_read_map(struct span map, struct socket_io_packet *packet, const char **error)
{
    struct span raw;
    uint64_t type;

    *error = "unknown packet type";
    if (!json_object_find(map, "type", &raw) || !socket_io_span_number(raw, &type) ||
        type > SOCKET_IO_CONNECT_ERROR)
        return false;
    packet->type = (enum socket_io_type)type;
    *error = "bad namespace";
    if (!json_object_find(map, "nsp", &raw) || !socket_io_span_string(raw, &packet->namespace))
        return false;
    *error = "bad acknowledgement id";
    if (json_object_find(map, "id", &raw) && !socket_io_is_null(raw)) {
        packet->has_ack = true;
        if (!socket_io_span_number(raw, &packet->ack))
            return false;
    }
    *error = "bad payload";
    if (json_object_find(map, "data", &raw) && !socket_io_is_null(raw))
        packet->data = raw;
    return socket_io_check_data(packet);
}

bool socket_io_parse_msgpack(const void *data, size_t len, struct packjson *decoded,
                             struct socket_io_packet *packet, const char **error)
{
    memset(packet, 0, sizeof(*packet));
    packet->data = (struct span){"", 0};
    if (!packjson_decode(decoded, data, len, error))
        return false;
    struct span map = {decoded->json.data, decoded->json.len};
    *error = "a packet is a map";
    if (map.len == 0 || map.ptr[0] != '{')
        return false;
    packet->attachments = (unsigned)decoded->attachment_count;
    return socket_io_read_map(map, packet, error);
}

void socket_io_append_msgpack(struct strbuf *out, const struct socket_io_packet *packet,
                              struct refbuf *const *attachments, size_t attachment_count)
{
    struct strbuf text = STRBUF_INIT;
    enum socket_io_type type = packet->type;

    /* This parser knows no types of their own for packets with binary data. */
    if (type == SOCKET_IO_BINARY_EVENT)
        type = SOCKET_IO_EVENT;
    else if (type == SOCKET_IO_BINARY_ACK)
        type = SOCKET_IO_ACK;
    strbuf_printf(&text, "{\"type\":%d,\"nsp\":", (int)type);
    if (packet->namespace.len > 0)
        json_append_string(&text, packet->namespace.ptr, packet->namespace.len);
    else
        strbuf_append_str(&text, "\"/\"");
    if (packet->has_ack)
        strbuf_printf(&text, ",\"id\":%llu", (unsigned long long)packet->ack);
    if (packet->data.len > 0) {
        strbuf_append_str(&text, ",\"data\":");
        strbuf_append(&text, packet->data.ptr, packet->data.len);
    }
    strbuf_append_char(&text, '}');
    if (text.failed)
        out->failed = true;
    else
        packjson_encode(out, (struct span){text.data, text.len}, attachments, attachment_count);
    strbuf_free(&text);
}
