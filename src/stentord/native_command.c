#include "native_priv.h"

#include <string.h>

#include "client_publish.h"
#include "client_send.h"
#include "io_thread.h"
#include "neighbours.h"
#include "permission.h"
#include "stentor/wire/native.h"
#include "stentor/wire/packjson.h"

static uint64_t native_head(const struct session *session)
{
    return journal_head(&session->delivery->journal);
}

/* `*later`: the answer comes with the client's place in a grid. */
static const char *native_join(struct session *session, struct span room, struct span id,
                               bool *later)
{
    const struct neighbours_asker asker = {.wanted = true, .tag = id};
    const char *error = permission_join(session->delivery->config, room, session->trusted);
    int namespace = native_namespace(session);

    if (error == NULL)
        error =
            session_join_error(session_join_room(session, namespace, room, native_head(session)));
    *later = error == NULL && neighbours_join(session, namespace, room, &asker, &error);
    return error;
}

static const char *native_auth(struct session *session, const char *key)
{
    session->trusted =
        permission_is_key(session->delivery->config, (struct span){key, strlen(key)});
    return session->trusted ? NULL : "the key is not one of client_keys";
}

static const char *native_leave(struct session *session, struct span room)
{
    if (room.len == 0 || !session_leave(session, native_namespace(session), room))
        return "you are not in that room";
    return NULL;
}

/* A message from the client: JSON, and what its placeholders stand for. */
struct native_request {
    struct span text;
    struct refbuf *const *attachments;
    size_t attachment_count;
    bool limited; /* it is to be refused: the client says too much */
};

/* What was sent has arrived, or cannot: answers the client's command. */
static void native_sent(struct directed *directed)
{
    struct io_thread *thread = directed->origin;
    struct session *session = session_find(&thread->delivery, directed->sender);
    const char *error = directed_error(directed->result);
    struct strbuf answer = STRBUF_INIT;

    if (session == NULL || session->ops != &native_session_ops)
        return; /* the sender has gone */
    if (error != NULL) {
        stats_add(&thread->stats.client_events_refused, 1);
        native_append_error(&answer, directed->tag, error);
    } else {
        native_append_ack(&answer, directed->tag);
    }
    native_send(session->client, &answer);
    strbuf_free(&answer);
}

/* Later there will be an answer, unless there is an error now. */
static const char *native_send_to(struct ws_conn *ws, const struct native_command *command,
                                  const struct native_request *request, char error[ENVELOPE_ERROR])
{
    const struct session *session = ws->client;
    const struct client_sending sending = {
        .session = session,
        .namespace = native_namespace(session),
        .trusted = session->trusted,
        .envelope = request->text,
        .attachments = request->attachments,
        .attachment_count = request->attachment_count,
        .done = native_sent,
        .tag = command->id,
    };

    return client_send(ws->conn->thread, &sending, error) ? NULL : error;
}

/* Does what the command says; NULL or what was wrong with it. `*later`: its answer follows. */
static const char *native_execute(struct ws_conn *ws, const struct native_command *command,
                                  const struct native_request *request, bool *later,
                                  char error[ENVELOPE_ERROR])
{
    struct session *session = ws->client;
    struct span room = {command->room, command->room != NULL ? strlen(command->room) : 0};

    switch (command->type) {
    case NATIVE_AUTH:
        return native_auth(session, command->key);
    case NATIVE_JOIN:
        return native_join(session, room, command->id, later);
    case NATIVE_LEAVE:
        return native_leave(session, room);
    case NATIVE_PUBLISH:
        return client_publish(ws->conn->thread, native_namespace(session), session->trusted,
                              request->text, request->attachments, request->attachment_count, error)
                   ? NULL
                   : error;
    case NATIVE_SEND:
        *later = true;
        return native_send_to(ws, command, request, error);
    case NATIVE_PING:
        return NULL;
    }
    return NULL;
}

/* Answers have no binary data, so an `id` must have none. */
static const char *native_check_id(struct native_command *command,
                                   const struct native_request *request)
{
    if (request->attachment_count == 0 || command->id.len == 0 ||
        (*command->id.ptr != '{' && *command->id.ptr != '['))
        return NULL;
    command->id.len = 0;
    return "\"id\" must be a text or a number in a command with binary data";
}

static void native_handle(struct ws_conn *ws, const struct native_request *request)
{
    struct stats *stats = &ws->conn->thread->stats;
    struct native_command command;
    struct strbuf answer = STRBUF_INIT;
    char buffer[ENVELOPE_ERROR];
    const char *error = NULL;
    bool later = false;

    if (native_parse(request->text.ptr, request->text.len, &command, &error))
        error = native_check_id(&command, request);
    if (request->limited)
        error = CLIENT_LIMIT_ERROR;
    if (error == NULL)
        error = native_execute(ws, &command, request, &later, buffer);
    if (error != NULL) {
        stats_add(&stats->client_events_refused, 1);
        native_append_error(&answer, command.id, error);
    } else if (command.type == NATIVE_PING) {
        native_append_pong(&answer, command.id);
    } else if (!later) {
        native_append_ack(&answer, command.id);
    }
    if (answer.len > 0 || answer.failed)
        native_send(ws, &answer);
    strbuf_free(&answer);
    native_command_free(&command);
}

void native_command_packed(struct ws_conn *ws, const uint8_t *payload, size_t len, bool limited)
{
    struct strbuf answer = STRBUF_INIT;
    struct packjson decoded;
    const char *error;

    if (packjson_decode(&decoded, payload, len, &error)) {
        native_handle(ws, &(struct native_request){
                              .text = {decoded.json.data, decoded.json.len},
                              .attachments = decoded.attachments,
                              .attachment_count = decoded.attachment_count,
                              .limited = limited,
                          });
    } else {
        stats_add(&ws->conn->thread->stats.client_events_refused, 1);
        native_append_error(&answer, (struct span){"", 0}, error);
        native_send(ws, &answer);
    }
    packjson_free(&decoded);
    strbuf_free(&answer);
}

void native_command_text(struct ws_conn *ws, const uint8_t *payload, size_t len, bool limited)
{
    native_handle(
        ws, &(struct native_request){.text = {(const char *)payload, len}, .limited = limited});
}
