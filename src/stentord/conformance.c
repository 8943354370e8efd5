#include "conformance.h"

#include <string.h>

#include "io_thread.h"
#include "stentor/wire/http.h"

static bool conformance_on_open(struct engine *engine)
{
    (void)engine;
    return true;
}

static int conformance_on_message(struct engine *engine, bool binary, const void *data, size_t len)
{
    engine_send(engine, &(struct engine_io_packet){
                            .type = ENGINE_IO_MESSAGE,
                            .binary = binary,
                            .data = {data, len},
                        });
    return 0;
}

static void conformance_on_gap(struct engine *engine, const struct room *room, uint64_t from,
                               uint64_t to)
{
    (void)engine; /* its clients are in no room */
    (void)room;
    (void)from;
    (void)to;
}

static void conformance_on_close(struct engine *engine, enum close_reason reason)
{
    (void)engine;
    (void)reason;
}

static void conformance_on_free(struct engine *engine)
{
    (void)engine;
}

const struct engine_app conformance_engine_app = {
    .name = "conformance",
    .on_open = conformance_on_open,
    .on_message = conformance_on_message,
    .on_gap = conformance_on_gap,
    .on_close = conformance_on_close,
    .on_free = conformance_on_free,
};

void conformance_connected(struct socketio_client *client, int namespace, struct span auth)
{
    const char *name = client->engine->thread->config->namespaces[namespace];
    struct socket_io_packet head = {
        .type = SOCKET_IO_EVENT,
        .namespace = {name, strlen(name)},
    };
    struct strbuf data = STRBUF_INIT;

    strbuf_append_str(&data, "[\"auth\",");
    if (auth.len > 0)
        strbuf_append(&data, auth.ptr, auth.len);
    else
        strbuf_append_str(&data, "{}");
    strbuf_append_char(&data, ']');
    socketio_client_send(client, &head, (struct span){data.data, data.len}, NULL, 0);
    strbuf_free(&data);
}

/* The name, raw, and the arguments behind it, as raw text with commas between them. */
static struct span conformance_split(struct span array, struct span *name)
{
    size_t pos = 0;

    if (!json_array_next(array, &pos, name))
        return (struct span){"", 0};
    struct span rest = json_trim((struct span){array.ptr + pos, array.len - pos});
    rest.len--; /* the bracket */
    if (rest.len > 0) {
        rest.ptr++; /* the comma */
        rest.len--;
    }
    return rest;
}

static void conformance_answer(struct socketio_client *client, const struct socketio_event *event,
                               enum socket_io_type type, const char *name, struct span args)
{
    struct socket_io_packet head = event->packet;
    struct strbuf data = STRBUF_INIT;

    head.type = type;
    head.has_ack = type == SOCKET_IO_ACK || type == SOCKET_IO_BINARY_ACK;
    strbuf_append_char(&data, '[');
    if (name != NULL)
        strbuf_printf(&data, "\"%s\"%s", name, args.len > 0 ? "," : "");
    strbuf_append(&data, args.ptr, args.len);
    strbuf_append_char(&data, ']');
    socketio_client_send(client, &head, (struct span){data.data, data.len}, event->attachments,
                         event->attachment_count);
    strbuf_free(&data);
}

bool conformance_event(struct socketio_client *client, const struct socketio_event *event)
{
    bool binary = event->attachment_count > 0;
    struct span name = {"", 0};
    struct span args = conformance_split(event->packet.data, &name);

    if (http_span_equals(name, "\"message\"")) {
        conformance_answer(client, event, binary ? SOCKET_IO_BINARY_EVENT : SOCKET_IO_EVENT,
                           "message-back", args);
        return true;
    }
    if (http_span_equals(name, "\"message-with-ack\"") && event->packet.has_ack) {
        conformance_answer(client, event, binary ? SOCKET_IO_BINARY_ACK : SOCKET_IO_ACK, NULL,
                           args);
        return true;
    }
    return false;
}
