#include "room_query.h"

#include <stdlib.h>

#include "http_response.h"
#include "io_thread.h"
#include "message.h"
#include "neighbours.h"
#include "permission.h"
#include "server.h"
#include "stentor/base/seq.h"

/* Adds a room; for now its span holds an offset, since `names` may move. */
static const char *room_query_add(struct room_query *query, struct span value, size_t max_rooms)
{
    size_t start = query->names.len;
    struct span *rooms;

    if (query->room_count == max_rooms)
        return "there are more rooms than max_rooms allows";
    if (!http_decode(value, true, &query->names))
        return "a room's name must be percent-encoded UTF-8";
    size_t len = query->names.len - start;
    struct span name = {strbuf_cstr(&query->names) + start, len};
    if (!message_name_valid(name) || (len == 1 && *name.ptr == '*'))
        return "a room's name is 1 to 256 bytes, and not \"*\"";
    rooms = realloc(query->rooms, (query->room_count + 1) * sizeof(*rooms));
    if (rooms == NULL)
        return "there is no memory for the request";
    query->rooms = rooms;
    rooms[query->room_count++] = (struct span){(const char *)start, len};
    return NULL;
}

const char *room_query_namespace(const struct config *config, struct span value, int *namespace)
{
    struct strbuf name = STRBUF_INIT;

    *namespace = -1;
    if (http_decode(value, true, &name))
        *namespace = config_find_namespace(config, strbuf_cstr(&name), name.len);
    strbuf_free(&name);
    return *namespace < 0 ? "there is no such namespace (option namespaces)" : NULL;
}

static void room_query_key(struct room_query *query, const struct config *config, struct span value)
{
    struct strbuf key = STRBUF_INIT;

    query->trusted = http_decode(value, true, &key) &&
                     permission_is_key(config, (struct span){key.data, key.len});
    query->has_key = true;
    strbuf_free(&key);
}

static const char *room_query_param(struct room_query *query, const struct config *config,
                                    struct span name, struct span value)
{
    if (http_span_equals(name, "room"))
        return room_query_add(query, value, (size_t)config->max_rooms);
    if (http_span_equals(name, "namespace"))
        return room_query_namespace(config, value, &query->namespace);
    if (http_span_equals(name, "since")) {
        query->has_since = true;
        return seq_parse(value, &query->since) ? NULL : "since must be a seq: digits only";
    }
    if (http_span_equals(name, "key"))
        room_query_key(query, config, value);
    return NULL; /* caches and trackers add parameters of their own */
}

/* Points the rooms to their names, and looks whether the client may join them. */
static bool room_query_may_join(struct http_conn *http, struct room_query *query)
{
    for (size_t i = 0; i < query->room_count; i++) {
        const char *error;

        query->rooms[i].ptr = query->names.data + (size_t)query->rooms[i].ptr;
        error = permission_join(http->conn->thread->config, query->rooms[i], query->trusted);
        if (error == NULL)
            continue;
        http_respond_error(http, 403, NULL, "forbidden", error);
        return false;
    }
    return true;
}

bool room_query_parse(struct http_conn *http, struct room_query *query)
{
    const struct config *config = http->conn->thread->config;
    struct span path, text, name, value;
    const char *error = NULL;

    *query = (struct room_query){
        .namespace = config_default_namespace(config),
        .names = STRBUF_INIT,
    };
    http_split_target(http->msg, &path, &text);
    while (error == NULL && http_query_next(&text, &name, &value))
        error = room_query_param(query, config, name, value);
    if (error != NULL) {
        http_respond_error(http, 400, NULL, "bad_query", error);
        return false;
    }
    if (query->has_key && !query->trusted) {
        http_respond_error(http, 401, "WWW-Authenticate: Bearer\r\n", "unauthorized",
                           "the key is not one of client_keys");
        return false;
    }
    /* The header may be meant for a proxy: one that is unknown here is no mistake. */
    query->trusted |= http_conn_bearer(http, &value) && permission_is_key(config, value);
    return room_query_may_join(http, query);
}

bool room_query_last_event_id(struct http_conn *http, struct room_query *query)
{
    struct span id;

    if (!http_header(http->msg, "last-event-id", &id) || id.len == 0)
        return true;
    query->has_since = true;
    if (seq_parse(id, &query->since))
        return true;
    http_respond_error(http, 400, NULL, "bad_query", "Last-Event-ID must be a seq: digits only");
    return false;
}

bool room_query_from_future(const struct room_query *query, const struct server *server)
{
    return query->has_since && !numbering_knows(&server->numbering, query->since);
}

uint64_t room_query_cursor(const struct room_query *query, const struct io_thread *thread)
{
    return query->has_since && !room_query_from_future(query, thread->server)
               ? query->since
               : journal_head(&thread->delivery.journal);
}

const char *room_query_join(const struct room_query *query, struct session *session)
{
    uint64_t cursor = session_cursor(session)->seq;
    enum session_join_result result =
        session_join(session, query->namespace, (struct span){"", 0}, cursor);

    const char *error = session_join_error(result);

    session->trusted = query->trusted;
    for (size_t i = 0; i < query->room_count && error == NULL; i++) {
        error = session_join_error(
            session_join_room(session, query->namespace, query->rooms[i], cursor));
        if (error == NULL)
            (void)neighbours_join(session, query->namespace, query->rooms[i], NULL, &error);
    }
    return error;
}

void room_query_tell_unknown(struct session *session)
{
    uint64_t head = journal_head(&session->delivery->journal);

    for (uint32_t i = 0; i < session->membership_count && !session_is_gone(session); i++)
        session->ops->gap(session, session->memberships[i].room, 0, head);
}

void room_query_free(struct room_query *query)
{
    strbuf_free(&query->names);
    free(query->rooms);
}
