#include "encoder_priv.h"

#include <string.h>

#include "stentor/wire/socket_io.h"

static struct socket_io_packet encoder_socketio_head(const struct message *message,
                                                     const char *namespace)
{
    return (struct socket_io_packet){
        .type = message->attachment_count > 0 ? SOCKET_IO_BINARY_EVENT : SOCKET_IO_EVENT,
        .attachments = (unsigned)message->attachment_count,
        .namespace = {namespace, strlen(namespace)},
    };
}

/* The event's name and its arguments: the beginning of an array. */
static void encoder_socketio_event(const struct message *message, struct strbuf *out)
{
    strbuf_append_char(out, '[');
    json_append_string(out, message->event.ptr, message->event.len);
    if (message->arg_count > 0)
        strbuf_append_char(out, ',');
    strbuf_append(out, message->args.ptr, message->args.len);
}

void encoder_socketio_directed(const struct message *message, const char *from, struct strbuf *out)
{
    encoder_socketio_event(message, out);
    if (from != NULL)
        strbuf_printf(out, ",{\"from\":\"%s\"}]", from);
    else
        strbuf_append_str(out, ",{\"from\":null}]");
}

static void encoder_socketio_data(const struct message *message, bool offset, struct strbuf *out)
{
    encoder_socketio_event(message, out);
    if (offset)
        strbuf_printf(out, ",\"%llu\"", (unsigned long long)message->seq);
    strbuf_append_char(out, ']');
}

void encoder_socketio_text(const struct message *message, const char *namespace, bool offset,
                           struct strbuf *out)
{
    const struct socket_io_packet head = encoder_socketio_head(message, namespace);

    socket_io_append_head(out, &head);
    encoder_socketio_data(message, offset, out);
}

void encoder_socketio_msgpack(const struct message *message, const char *namespace, bool offset,
                              struct strbuf *out)
{
    struct socket_io_packet packet = encoder_socketio_head(message, namespace);
    struct strbuf data = STRBUF_INIT;

    encoder_socketio_data(message, offset, &data);
    packet.data = (struct span){data.data, data.len};
    if (data.failed)
        out->failed = true;
    else
        socket_io_append_msgpack(out, &packet, message->attachments, message->attachment_count);
    strbuf_free(&data);
}
