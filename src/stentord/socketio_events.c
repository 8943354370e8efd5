#include <jansson.h>
#include <string.h>

#include "client_publish.h"
#include "client_send.h"
#include "conformance.h"
#include "io_thread.h"
#include "permission.h"
#include "socketio_client.h"
#include "stentor/wire/native.h"

const char *socketio_event_join(struct socketio_client *client,
                                const struct socketio_socket *socket, struct span room,
                                const struct neighbours_asker *asker, bool *later)
{
    struct session *session = client->engine->session;
    const char *error = permission_join(session->delivery->config, room, socket->trusted);

    if (error == NULL)
        error = session_join_error(session_join_room(session, socket->namespace, room,
                                                     journal_head(&session->delivery->journal)));
    *later = error == NULL && neighbours_join(session, socket->namespace, room, asker, &error);
    return error;
}

static const char *socketio_event_join_room(struct socketio_client *client,
                                            struct socketio_event *event, struct span room)
{
    const struct neighbours_asker asker = {
        .wanted = event->packet.has_ack,
        .ack = event->packet.ack,
        .tag = {"", 0},
    };
    bool later;
    const char *error = socketio_event_join(client, socketio_client_find(client, event->namespace),
                                            room, &asker, &later);

    if (later)
        event->packet.has_ack = false; /* for now: it follows with the cell */
    return error;
}

static const char *socketio_event_leave(struct socketio_client *client, int namespace,
                                        struct span room)
{
    if (room.len == 0 || !session_leave(client->engine->session, namespace, room))
        return "you are not in that room";
    return NULL;
}

/* The raw text of the event's first argument; empty when there is none. */
static struct span socketio_event_argument(const struct socketio_event *event)
{
    struct span argument = {"", 0};
    size_t pos = 0;

    if (json_array_next(event->packet.data, &pos, &argument) &&
        !json_array_next(event->packet.data, &pos, &argument))
        argument.len = 0;
    return argument;
}

static const char *socketio_event_publish(struct socketio_client *client,
                                          const struct socketio_event *event,
                                          char error[ENVELOPE_ERROR])
{
    struct span envelope = socketio_event_argument(event);

    if (envelope.len == 0)
        return "publish needs an object: {room, event, data}";
    return client_publish(client->engine->thread, event->namespace,
                          socketio_client_find(client, event->namespace)->trusted, envelope,
                          event->attachments, event->attachment_count, error)
               ? NULL
               : error;
}

static void socketio_event_ack(struct socketio_client *client,
                               const struct socket_io_packet *packet, const char *error)
{
    struct socket_io_packet head = *packet;
    struct strbuf data = STRBUF_INIT;

    head.type = SOCKET_IO_ACK;
    head.attachments = 0;
    if (error == NULL) {
        strbuf_append_str(&data, "[{\"ok\":true}]");
    } else {
        strbuf_append_str(&data, "[{\"ok\":false,\"error\":");
        json_append_string(&data, error, strlen(error));
        strbuf_append_str(&data, "}]");
    }
    socketio_client_send(client, &head, (struct span){data.data, data.len}, NULL, 0);
    strbuf_free(&data);
}

/* What was sent has arrived, or cannot: acknowledges the client's event. */
static void socketio_event_sent(struct directed *directed)
{
    const char *namespace = directed->origin->config->namespaces[directed->message->namespace];
    const struct socket_io_packet packet = {
        .namespace = {namespace, strlen(namespace)},
        .has_ack = true,
        .ack = directed->ack,
    };
    struct engine *engine = engine_find(directed->origin, directed->sender);

    if (engine == NULL || engine->app != &socketio_client_app ||
        socketio_client_find(engine->client, directed->message->namespace) == NULL)
        return; /* the sender has gone */
    if (directed->result != DIRECTED_QUEUED)
        stats_add(&directed->origin->stats.client_events_refused, 1);
    socketio_event_ack(engine->client, &packet, directed_error(directed->result));
}

static const char *socketio_event_send(struct socketio_client *client, struct socketio_event *event,
                                       char error[ENVELOPE_ERROR])
{
    const struct client_sending sending = {
        .session = client->engine->session,
        .namespace = event->namespace,
        .trusted = socketio_client_find(client, event->namespace)->trusted,
        .envelope = socketio_event_argument(event),
        .attachments = event->attachments,
        .attachment_count = event->attachment_count,
        .done = event->packet.has_ack ? socketio_event_sent : NULL,
        .ack = event->packet.ack,
    };

    if (sending.envelope.len == 0)
        return "send needs an object: {to, event, data}, or {room, to, event, data}";
    if (!client_send(client->engine->thread, &sending, error))
        return error;
    event->packet.has_ack = false; /* for now: it follows once the message has arrived */
    return NULL;
}

/* NULL when the event was carried out, or a sentence. */
static const char *socketio_event_execute(struct socketio_client *client,
                                          struct socketio_event *event, const json_t *args,
                                          char error[ENVELOPE_ERROR])
{
    const json_t *event_name = json_array_get(args, 0);
    const char *name = json_string_value(event_name);
    const json_t *first = json_array_get(args, 1);
    struct span room = {json_string_value(first), json_string_length(first)};

    if (strlen(name) != json_string_length(event_name))
        name = ""; /* a NUL in it: none that is known */
    if (strcmp(name, "join") == 0)
        return room.ptr != NULL ? socketio_event_join_room(client, event, room)
                                : "join needs a room's name";
    if (strcmp(name, "leave") == 0)
        return room.ptr != NULL ? socketio_event_leave(client, event->namespace, room)
                                : "leave needs a room's name";
    if (strcmp(name, "publish") == 0)
        return socketio_event_publish(client, event, error);
    if (strcmp(name, "send") == 0)
        return socketio_event_send(client, event, error);
    return "unknown event; this server understands join, leave, publish and send";
}

/* --- Neighbours */

/* {"ok":true,"cell":{...},"neighbours":{...},"members":...} */
static void socketio_event_seated(struct socketio_client *client, struct socket_io_packet head,
                                  const struct neighbours_news *news,
                                  const struct neighbours_ids *ids)
{
    struct strbuf data = STRBUF_INIT;

    head.type = SOCKET_IO_ACK;
    strbuf_append_str(&data, "[{\"ok\":true,");
    native_append_cell(&data, news->x, news->y);
    strbuf_append_str(&data, ",\"neighbours\":{");
    native_append_ids(&data, ids->ids);
    strbuf_printf(&data, "},\"members\":%u}]", news->members);
    socketio_client_send(client, &head, (struct span){data.data, data.len}, NULL, 0);
    strbuf_free(&data);
}

/* ["neighbours",{"room":...,"cell":{...},"north":...,...}] */
static void socketio_event_placed(struct socketio_client *client, struct socket_io_packet head,
                                  const struct neighbours_news *news,
                                  const struct neighbours_ids *ids)
{
    struct strbuf data = STRBUF_INIT;

    head.type = SOCKET_IO_EVENT;
    head.has_ack = false;
    strbuf_append_str(&data, "[\"neighbours\",{\"room\":");
    json_append_string(&data, news->room->name, news->room->name_len);
    strbuf_append_char(&data, ',');
    native_append_cell(&data, news->x, news->y);
    strbuf_append_char(&data, ',');
    native_append_ids(&data, ids->ids);
    strbuf_append_str(&data, "}]");
    socketio_client_send(client, &head, (struct span){data.data, data.len}, NULL, 0);
    strbuf_free(&data);
}

void socketio_event_neighbours(struct socketio_client *client, int namespace,
                               const struct neighbours_news *news,
                               const struct neighbours_asker *asker)
{
    const char *name = client->engine->thread->config->namespaces[namespace];
    const struct socket_io_packet head = {
        .namespace = {name, strlen(name)},
        .has_ack = asker != NULL,
        .ack = asker != NULL ? asker->ack : 0,
    };
    struct neighbours_ids ids;

    if (news == NULL) {
        socketio_event_ack(client, &head, session_join_error(SESSION_NO_MEMORY));
        return;
    }
    neighbours_ids(news, &ids);
    engine_cork(client->engine);
    if (asker != NULL)
        socketio_event_seated(client, head, news, &ids);
    socketio_event_placed(client, head, news, &ids);
    engine_uncork(client->engine);
}

/* --- What came */

void socketio_event_handle(struct socketio_client *client, struct socketio_event *event)
{
    struct stats *stats = &client->engine->thread->stats;
    char buffer[ENVELOPE_ERROR];

    if (client->engine->thread->config->conformance && conformance_event(client, event))
        return;
    /* socket_io_parse has seen that it is an array which begins with a text. */
    json_t *args = json_load_text(event->packet.data.ptr, event->packet.data.len);
    const char *error = args == NULL     ? "the server has no memory; try again later"
                        : event->limited ? CLIENT_LIMIT_ERROR
                                         : socketio_event_execute(client, event, args, buffer);

    stats_add(&stats->client_events, 1);
    if (error != NULL)
        stats_add(&stats->client_events_refused, 1);
    if (event->packet.has_ack)
        socketio_event_ack(client, &event->packet, error);
    json_decref(args);
}
