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
        data = json_loadb(packet->data.ptr, packet->data.len, json_load_flags(), NULL);
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
