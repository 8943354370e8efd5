#include <stdlib.h>
#include <string.h>

#include "engine_queue.h"
#include "io_thread.h"
#include "socketio_client.h"

/* The transport is lost: what is kept, so that the client can go on where it was (recovery.h). */

/* The bytes that the names of the client's rooms in the namespace take, and how many these are. */
static size_t socketio_measure_rooms(const struct session *session, int namespace, size_t *count)
{
    size_t bytes = 0;

    *count = 0;
    for (uint32_t i = 0; i < session->membership_count; i++) {
        const struct room *room = session->memberships[i].room;
        if (room->namespace != namespace)
            continue;
        bytes += room->name_len;
        ++*count;
    }
    return bytes;
}

/* Up to where everything has been sent to the client: mostly that is the newest message, also when
 * this one was for others, and nobody has looked at the client's cursor. */
static uint64_t socketio_given(const struct session *session)
{
    uint64_t seq = session_cursor(session)->seq, head = journal_head(&session->delivery->journal);

    for (uint32_t i = 0; i < session->membership_count; i++)
        if (room_chain_last(session->memberships[i].room) > seq)
            return seq;
    return seq > head ? seq : head;
}

/* The number of the last message of the room that was sent to the member; 0: none was. */
static uint64_t socketio_last_of(const struct session *session, const struct membership *membership)
{
    const struct room *room = membership->room;
    uint64_t next = room_chain_after(room, session_cursor(session)->seq);
    uint64_t last = next > room->chain_begin ? room_chain_seq(room, next - 1) : room->trimmed;

    return last > membership->joined ? last : 0;
}

static struct recovery_record *socketio_make_record(const struct session *session,
                                                    const struct socketio_socket *socket)
{
    size_t count, names = socketio_measure_rooms(session, socket->namespace, &count);
    struct recovery_record *record =
        recovery_record_new(socket->namespace, socket->id, count, names);

    if (record == NULL)
        return NULL;
    record->given = socketio_given(session);
    for (uint32_t i = 0; i < session->membership_count; i++) {
        const struct membership *membership = &session->memberships[i];
        const struct room *room = membership->room;
        uint64_t last = socketio_last_of(session, membership);

        if (room->namespace != socket->namespace)
            continue;
        recovery_record_add(record, &(struct recovery_room){
                                        .name = {room->name, room->name_len},
                                        .from = membership->joined,
                                        .told = membership->told,
                                    });
        record->last = last > record->last ? last : record->last;
    }
    return record;
}

/* Is the packet an event of the namespace? Its attachments, which follow, are counted. */
static bool socketio_is_event(const struct engine_io_packet *packet, const char *namespace,
                              unsigned *attachments)
{
    struct packjson decoded = {.attachment_count = 0};
    struct socket_io_packet head;
    const char *error;
    bool parsed =
        packet->binary
            ? socket_io_parse_msgpack(packet->data.ptr, packet->data.len, &decoded, &head, &error)
            : socket_io_parse(packet->data.ptr, packet->data.len, &head, &error);
    bool event = parsed && (head.type == SOCKET_IO_EVENT || head.type == SOCKET_IO_BINARY_EVENT) &&
                 head.namespace.len == strlen(namespace) &&
                 memcmp(head.namespace.ptr, namespace, head.namespace.len) == 0;

    *attachments = parsed && !packet->binary ? head.attachments : 0;
    packjson_free(&decoded);
    return event;
}

/* Of what the client has not fetched, the events wait for it; acknowledgements and heartbeats were
 * for the lost transport. False when memory is out. */
static bool socketio_keep_queue(const struct engine *engine, struct recovery_record *record)
{
    const char *namespace = engine->thread->config->namespaces[record->namespace];
    struct engine_io_packet packet;
    unsigned attachments = 0;
    size_t pos = 0;
    bool kept = false, added = true;

    while (added && engine_queue_next(&engine->queue, &pos, &packet)) {
        if (packet.type != ENGINE_IO_MESSAGE)
            continue;
        if (attachments > 0)
            attachments--;
        else
            kept = socketio_is_event(&packet, namespace, &attachments);
        if (kept)
            added = engine_queue_add(&record->queue, &packet);
    }
    return added;
}

/* What is to be kept of the client in a namespace; NULL when memory is out. */
static struct recovery_record *socketio_keep_socket(const struct socketio_client *client,
                                                    const struct socketio_socket *socket)
{
    struct recovery_record *record = socketio_make_record(client->engine->session, socket);

    if (record == NULL)
        return NULL;
    record->msgpack = client->engine->msgpack;
    if (socketio_keep_queue(client->engine, record))
        return record;
    recovery_record_free(record);
    return NULL;
}

/* Who broke the protocol begins anew. */
static bool socketio_is_worth_keeping(enum close_reason reason)
{
    return reason != CLOSE_PROTOCOL_ERROR && reason != CLOSE_RATE_LIMITED &&
           reason != CLOSE_NO_MEMORY && reason != CLOSE_KICKED;
}

void socketio_keep_lost(struct socketio_client *client, enum close_reason reason)
{
    struct io_thread *thread = client->engine->thread;

    if (thread->stopping)
        return; /* nobody will come back, and nobody opens mails any more */
    for (uint32_t i = 0; i < client->socket_count; i++) {
        const struct socketio_socket *socket = &client->sockets[i];

        if (!socket->has_pid)
            continue;
        if (socketio_is_worth_keeping(reason))
            recovery_keep(thread, socket->pid, socketio_keep_socket(client, socket));
        else
            recovery_forget(thread, socket->pid);
    }
}

/* --- What is for it alone waits */

static bool socketio_hold_text(struct strbuf *queue, const struct socket_io_packet *head,
                               const struct strbuf *data, const struct message *message)
{
    struct strbuf text = STRBUF_INIT;
    bool added;

    socket_io_append_head(&text, head);
    strbuf_append(&text, data->data, data->len);
    added = !text.failed && engine_queue_add(queue, &(struct engine_io_packet){
                                                        .type = ENGINE_IO_MESSAGE,
                                                        .data = {text.data, text.len},
                                                    });
    strbuf_free(&text);
    for (size_t i = 0; i < message->attachment_count && added; i++) {
        const struct refbuf *attachment = message->attachments[i];

        added =
            engine_queue_add(queue, &(struct engine_io_packet){
                                        .type = ENGINE_IO_MESSAGE,
                                        .binary = true,
                                        .data = {(const char *)attachment->data, attachment->len},
                                    });
    }
    return added;
}

static bool socketio_hold_msgpack(struct strbuf *queue, const struct socket_io_packet *head,
                                  const struct strbuf *data, const struct message *message)
{
    struct socket_io_packet packet = *head;
    struct strbuf content = STRBUF_INIT;
    bool added;

    packet.data = (struct span){data->data, data->len};
    socket_io_append_msgpack(&content, &packet, message->attachments, message->attachment_count);
    added = !content.failed && engine_queue_add(queue, &(struct engine_io_packet){
                                                           .type = ENGINE_IO_MESSAGE,
                                                           .binary = true,
                                                           .data = {content.data, content.len},
                                                       });
    strbuf_free(&content);
    return added;
}

bool socketio_keep_hold(struct io_thread *thread, struct recovery_record *record,
                        const struct directed *directed)
{
    struct strbuf data = STRBUF_INIT;
    const struct socket_io_packet head = socketio_client_directed(thread->config, directed, &data);
    bool added = !data.failed;

    if (added && record->msgpack)
        added = socketio_hold_msgpack(&record->queue, &head, &data, directed->message);
    else if (added)
        added = socketio_hold_text(&record->queue, &head, &data, directed->message);
    strbuf_free(&data);
    return added;
}

void socketio_keep_restore(struct socketio_client *client, const struct recovery_record *record)
{
    struct engine_io_packet packet;
    size_t pos = 0;

    if (client->engine->msgpack != record->msgpack)
        return; /* another program than the one that was lost */
    while (!client->engine->closed && engine_queue_next(&record->queue, &pos, &packet))
        engine_send(client->engine, &packet);
}
