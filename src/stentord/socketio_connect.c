#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "conformance.h"
#include "delivery.h"
#include "io_thread.h"
#include "permission.h"
#include "server.h"
#include "socketio_client.h"
#include "ws_conn.h"

/* Clients and servers connect to namespaces: CONNECT, DISCONNECT, and the way back to where a
 * client was (recovery.h). */

static struct socketio_socket *socketio_add_socket(struct socketio_client *client, int namespace)
{
    struct socketio_socket *sockets = client->sockets;

    if (client->socket_count > 0) {
        sockets = malloc((client->socket_count + 1) * sizeof(*sockets));
        if (sockets == NULL)
            return NULL;
        memcpy(sockets, client->sockets, client->socket_count * sizeof(*sockets));
        if (client->sockets != &client->first)
            free(client->sockets);
        client->sockets = sockets;
    }
    struct socketio_socket *socket = &sockets[client->socket_count++];
    *socket = (struct socketio_socket){.namespace = namespace};
    session_make_address(client->engine->session, socket->id);
    return socket;
}

static void socketio_remove_socket(struct socketio_client *client, struct socketio_socket *socket)
{
    *socket = client->sockets[--client->socket_count];
}

static const char *socketio_namespace(const struct socketio_client *client, int namespace)
{
    return client->engine->thread->config->namespaces[namespace];
}

static bool socketio_is_old(const struct socketio_client *client)
{
    return client->engine->protocol == ENGINE_IO_PROTOCOL_OLD;
}

/* Refuses a CONNECT: with an object, or for old clients with a text. */
static void socketio_refuse(struct socketio_client *client, struct span namespace,
                            const char *message)
{
    struct socket_io_packet head = {.type = SOCKET_IO_CONNECT_ERROR, .namespace = namespace};
    struct strbuf data = STRBUF_INIT;

    if (!socketio_is_old(client))
        strbuf_append_str(&data, "{\"message\":");
    json_append_string(&data, message, strlen(message));
    if (!socketio_is_old(client))
        strbuf_append_char(&data, '}');
    socketio_client_send(client, &head, (struct span){data.data, data.len}, NULL, 0);
    strbuf_free(&data);
}

static void socketio_welcome(struct socketio_client *client, const struct socketio_socket *socket)
{
    const char *namespace = socketio_namespace(client, socket->namespace);
    struct socket_io_packet head = {
        .type = SOCKET_IO_CONNECT,
        .namespace = {namespace, strlen(namespace)},
    };
    char id[SESSION_ID_TEXT], pid[SESSION_ID_TEXT];
    struct strbuf data = STRBUF_INIT;

    session_id_text(socket->id, id);
    if (!socketio_is_old(client))
        strbuf_printf(&data, "{\"sid\":\"%s\"", id);
    if (socket->has_pid) {
        session_id_text(socket->pid, pid);
        strbuf_printf(&data, ",\"pid\":\"%s\"", pid);
    }
    if (!socketio_is_old(client))
        strbuf_append_char(&data, '}');
    socketio_client_send(client, &head, (struct span){data.data, data.len}, NULL, 0);
    strbuf_free(&data);
}

/* Joins the rooms that the client's `auth` names: {"rooms": ["a", "b"]}. NULL or what is wrong. */
static const char *socketio_join_auth_rooms(struct socketio_client *client,
                                            const struct socketio_socket *socket,
                                            const json_t *auth)
{
    const json_t *rooms = json_object_get(auth, "rooms");
    const char *error = NULL;
    bool later;

    if (rooms != NULL && !json_is_array(rooms))
        return "auth.rooms must be an array of rooms' names";
    for (size_t i = 0; i < json_array_size(rooms) && error == NULL; i++) {
        const json_t *room = json_array_get(rooms, i);

        error = !json_is_string(room) ? "auth.rooms must be an array of rooms' names"
                                      : socketio_event_join(client, socket,
                                                            (struct span){json_string_value(room),
                                                                          json_string_length(room)},
                                                            NULL, &later);
    }
    return error;
}

/* Takes the client out of everything in the namespace. */
static void socketio_leave_namespace(struct socketio_client *client, int namespace)
{
    struct session *session = client->engine->session;

    for (uint32_t i = session->membership_count; i-- > 0;) {
        struct room *room = session->memberships[i].room;
        if (room->namespace == namespace)
            session_leave(session, namespace, (struct span){room->name, room->name_len});
    }
}

/* Looks at the key in `auth`: {"key": "..."}. NULL or what is wrong. */
static const char *socketio_check_key(const struct socketio_client *client,
                                      struct socketio_socket *socket, const json_t *auth)
{
    const json_t *key = json_object_get(auth, "key");

    if (key == NULL || json_is_null(key))
        return NULL;
    socket->trusted =
        json_is_string(key) &&
        permission_is_key(client->engine->thread->config,
                          (struct span){json_string_value(key), json_string_length(key)});
    return socket->trusted ? NULL : "auth.key is not one of client_keys";
}

/* Joins everyone in the namespace, and the rooms in `auth`. NULL or what is wrong. */
static const char *socketio_join_namespace(struct socketio_client *client,
                                           struct socketio_socket *socket, struct span auth_text)
{
    struct session *session = client->engine->session;
    uint64_t head = journal_head(&session->delivery->journal);
    json_t *auth = json_load_text(auth_text.ptr, auth_text.len);
    const char *error = socketio_check_key(client, socket, auth);

    if (error == NULL)
        error = session_join_error(
            session_join(session, socket->namespace, (struct span){"", 0}, head));
    if (error == NULL)
        error = socketio_join_auth_rooms(client, socket, auth);
    if (error != NULL)
        socketio_leave_namespace(client, socket->namespace);
    json_decref(auth);
    return error;
}

/* A client that has come back may do what it could do before, if it presents the key again. */
static void socketio_trust_again(const struct socketio_client *client,
                                 struct socketio_socket *socket, struct span auth_text)
{
    json_t *auth = json_load_text(auth_text.ptr, auth_text.len);

    (void)socketio_check_key(client, socket, auth);
    json_decref(auth);
}

/* The client is in the namespace: says so, and gives it what it is due. */
static void socketio_connected(struct socketio_client *client, struct socketio_socket *socket,
                               struct span auth)
{
    struct session *session = client->engine->session;
    int namespace = socket->namespace;

    socket->connecting = false;
    engine_set_limit(client->engine, 0);
    engine_cork(client->engine);
    socketio_welcome(client, socket);
    if (client->engine->thread->config->conformance)
        conformance_connected(client, namespace, auth);
    engine_uncork(client->engine);
    if (!session_is_gone(session))
        delivery_catch_up(session->delivery, session);
}

/* Connects a client that is not to be recovered, or cannot be. */
static void socketio_connect_new(struct socketio_client *client, struct socketio_socket *socket,
                                 struct span auth)
{
    struct io_thread *thread = client->engine->thread;
    const char *name = socketio_namespace(client, socket->namespace);
    const char *error = socketio_join_namespace(client, socket, auth);

    if (client->engine->closed)
        return;
    if (error != NULL) {
        socketio_remove_socket(client, socket);
        socketio_refuse(client, (struct span){name, strlen(name)}, error);
        return;
    }
    socket->has_pid =
        thread->config->recovery_time > 0 && !socketio_is_old(client) &&
        recovery_register(thread, client->engine->session->id, socket->id, socket->pid);
    socketio_connected(client, socket, auth);
}

/* --- Coming back */

/* The pid and the offset in the CONNECT's data; NULL without a pid that could be one of ours. */
static struct recovery_claim *socketio_read_claim(struct span auth)
{
    json_t *data = json_load_text(auth.ptr, auth.len);
    const json_t *pid = json_object_get(data, "pid");
    const char *offset = json_string_value(json_object_get(data, "offset"));
    struct recovery_claim *claim = NULL;
    uint8_t id[SESSION_ID_BYTES];
    char *end = "";

    if (json_is_string(pid) && session_id_parse(id, json_string_value(pid), json_string_length(pid),
                                                SESSION_ID_ANY_SERVER))
        claim = calloc(1, sizeof(*claim));
    if (claim != NULL) {
        memcpy(claim->pid, id, sizeof(id));
        claim->has_offset = offset != NULL;
        claim->offset = offset != NULL ? strtoull(offset, &end, 10) : 0;
        if (*end != '\0') { /* the last argument of an event that was not ours */
            free(claim);
            claim = NULL;
        }
    }
    json_decref(data);
    return claim;
}

static void socketio_connect_resume(struct mail *mail, void *self);

/* Asks for what is kept of the client. False when there can be nothing. */
static bool socketio_claim(struct socketio_client *client, struct socketio_socket *socket,
                           struct span auth)
{
    struct io_thread *thread = client->engine->thread;
    struct recovery_claim *claim;

    if (thread->config->recovery_time == 0 || socketio_is_old(client))
        return false;
    claim = socketio_read_claim(auth);
    if (claim == NULL)
        return false;
    claim->resume = socketio_connect_resume;
    claim->thread = thread;
    claim->namespace = socket->namespace;
    memcpy(claim->session, client->engine->session->id, SESSION_ID_BYTES);
    strbuf_append(&claim->auth, auth.ptr, auth.len);
    if (claim->auth.failed) {
        recovery_claim_free(claim);
        return false;
    }
    socket->connecting = true;
    recovery_submit(claim);
    return true;
}

/* What the client says to have, or needs not have, of the room. */
static uint64_t socketio_has_until(const struct recovery_claim *claim,
                                   const struct recovery_room *room)
{
    return claim->has_offset && claim->offset > room->from ? claim->offset : room->from;
}

/* From where on messages of the room are due. A client that has the last message that it was sent
 * is not due any other of that time, which another server may not know. */
static uint64_t socketio_resume_from(const struct recovery_claim *claim,
                                     const struct recovery_room *room)
{
    const struct recovery_record *record = claim->record;
    uint64_t until = socketio_has_until(claim, room);

    return claim->offset >= record->last && record->given > until ? record->given : until;
}

/* Does the journal still hold everything that the client missed? What it was told not to get must
 * not come any more, even where this thread's window reaches further back. */
static bool socketio_can_resume(const struct session *session, const struct recovery_claim *claim)
{
    const struct recovery_record *record = claim->record;
    const struct room_table *rooms = &session->delivery->rooms;

    if (record == NULL || record->namespace != claim->namespace)
        return false;
    for (size_t i = 0; i < record->room_count; i++) {
        struct span name = record->rooms[i].name;
        const struct room *room = room_find(rooms, record->namespace, name.ptr, name.len);
        uint64_t trimmed = room != NULL ? room->trimmed : rooms->forgotten;
        if (trimmed > socketio_resume_from(claim, &record->rooms[i]) ||
            record->rooms[i].told > socketio_has_until(claim, &record->rooms[i]))
            return false;
    }
    return true;
}

/* Puts the client back into its rooms. False when memory is out. */
static bool socketio_rejoin(struct session *session, const struct recovery_claim *claim)
{
    const struct recovery_record *record = claim->record;
    uint64_t first = UINT64_MAX;
    bool joined = true;

    for (size_t i = 0; i < record->room_count; i++) {
        uint64_t from = socketio_resume_from(claim, &record->rooms[i]);
        first = from < first ? from : first;
    }
    session_rewind(session, first);
    for (size_t i = 0; i < record->room_count && joined; i++) {
        struct span name = record->rooms[i].name;
        const char *error = NULL;

        joined = session_join(session, record->namespace, name,
                              socketio_resume_from(claim, &record->rooms[i])) == SESSION_JOINED;
        if (joined)
            (void)neighbours_join(session, record->namespace, name, NULL, &error);
        joined &= error == NULL;
    }
    return joined;
}

/* Is the offset one that this server has given out, or another that is like it? */
static bool socketio_offset_known(const struct io_thread *thread,
                                  const struct recovery_claim *claim)
{
    return numbering_knows(&thread->server->numbering, claim->offset);
}

static void socketio_resume(struct socketio_client *client, struct socketio_socket *socket,
                            struct recovery_claim *claim)
{
    struct io_thread *thread = client->engine->thread;
    struct session *session = client->engine->session;
    struct span auth = {claim->auth.data, claim->auth.len};

    if (socketio_offset_known(thread, claim) && socketio_can_resume(session, claim)) {
        memcpy(socket->id, claim->record->id, SESSION_ID_BYTES);
        memcpy(socket->pid, claim->pid, SESSION_ID_BYTES);
        socketio_trust_again(client, socket, auth);
        if (!socketio_rejoin(session, claim)) {
            recovery_forget(thread, claim->pid);
            engine_close(client->engine, CLOSE_NO_MEMORY);
            return;
        }
        socket->has_pid = true;
        stats_add(&thread->stats.recovered, 1);
        engine_cork(client->engine);
        socketio_connected(client, socket, auth);
        socketio_keep_restore(client, claim->record);
        engine_uncork(client->engine);
        return;
    }
    stats_add(&thread->stats.recovery_missed, 1);
    if (claim->record != NULL)
        recovery_forget(thread, claim->pid);
    socketio_connect_new(client, socket, auth);
}

/* Has another thread given the client what this one has yet to receive? (What another server has
 * given it may come here much later, or not at all.) */
static bool socketio_is_ahead(const struct io_thread *thread, struct recovery_claim *claim)
{
    claim->wait_for = 0;
    if (claim->record == NULL)
        return false;
    for (size_t i = 0; i < claim->record->room_count; i++) {
        uint64_t from = socketio_resume_from(claim, &claim->record->rooms[i]);
        claim->wait_for = from > claim->wait_for ? from : claim->wait_for;
    }
    return claim->wait_for > journal_head(&thread->delivery.journal) &&
           claim->wait_for <= numbering_newest(&thread->server->numbering);
}

/* Nobody is there any more who could take the record: it is kept further on. */
static void socketio_return(struct io_thread *thread, struct recovery_claim *claim)
{
    if (claim->record == NULL)
        return;
    recovery_keep(thread, claim->pid, claim->record);
    claim->record = NULL;
}

/* What is kept of a client has been found, or not: goes on with its CONNECT. */
static void socketio_connect_resume(struct mail *mail, void *self)
{
    struct recovery_claim *claim = CONTAINER_OF(mail, struct recovery_claim, mail);
    struct io_thread *thread = self;
    struct engine *engine = engine_find(thread, claim->session);
    struct socketio_client *client = engine != NULL ? engine->client : NULL;
    struct socketio_socket *socket =
        client != NULL ? socketio_client_find(client, claim->namespace) : NULL;

    OWNER_ASSERT(&thread->stage.owner);
    if (socket == NULL || !socket->connecting) {
        socketio_return(thread, claim);
    } else if (socketio_is_ahead(thread, claim)) {
        recovery_defer(thread, claim);
        return;
    } else {
        socketio_resume(client, socket, claim);
    }
    recovery_claim_free(claim);
}

/* --- Packets */

int socketio_connect_handle(struct socketio_client *client, const struct socket_io_packet *packet)
{
    const struct config *config = client->engine->thread->config;
    struct span name = packet->namespace;
    struct socketio_socket *socket;
    int namespace;

    if (socketio_is_old(client)) { /* there it may have a query */
        const char *query = memchr(name.ptr, '?', name.len);
        name.len = query != NULL ? (size_t)(query - name.ptr) : name.len;
    }
    namespace = config_find_namespace(config, name.ptr, name.len);
    if (namespace < 0) {
        socketio_refuse(client, name, "Invalid namespace");
        return 0;
    }
    if (socketio_client_find(client, namespace) != NULL)
        return socketio_is_old(client) ? 0 : WS_CODE_PROTOCOL_ERROR;
    socket = socketio_add_socket(client, namespace);
    if (socket == NULL)
        socketio_refuse(client, name, "the server has no memory");
    else if (!socketio_claim(client, socket, packet->data))
        socketio_connect_new(client, socket, packet->data);
    return 0;
}

void socketio_connect_default(struct socketio_client *client)
{
    const struct socket_io_packet packet = {
        .type = SOCKET_IO_CONNECT,
        .namespace = {"/", 1},
        .data = {"", 0},
    };

    (void)!socketio_connect_handle(client, &packet);
}

void socketio_connect_end(struct socketio_client *client, struct socketio_socket *socket)
{
    if (socket->has_pid)
        recovery_forget(client->engine->thread, socket->pid);
    socketio_leave_namespace(client, socket->namespace);
    socketio_remove_socket(client, socket);
}

/* --- The client comes by another transport */

static bool socketio_has_pid(const struct socketio_client *client,
                             const uint8_t pid[SESSION_ID_BYTES])
{
    for (uint32_t i = 0; i < client->socket_count; i++)
        if (client->sockets[i].has_pid &&
            memcmp(client->sockets[i].pid, pid, SESSION_ID_BYTES) == 0)
            return true;
    return false;
}

void socketio_connect_yield(struct io_thread *thread, const uint8_t session[SESSION_ID_BYTES],
                            const uint8_t pid[SESSION_ID_BYTES])
{
    struct engine *engine = engine_find(thread, session);

    if (engine != NULL && engine->app == &socketio_client_app &&
        socketio_has_pid(engine->client, pid))
        engine_close(engine, CLOSE_REPLACED);
}
