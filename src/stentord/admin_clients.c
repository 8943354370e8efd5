/* /clients: who is connected; /kick: ends some of them. */
#include "admin_endpoint.h"

#include <string.h>

#include "admin_command.h"
#include "admin_gather.h"
#include "io_thread.h"

/* As many are looked at in one go: some hundred microseconds, which deliveries can wait. */
enum { ADMIN_CLIENTS_SLICE = 1000 };

static bool admin_in_room(const struct session *session, const char *room)
{
    for (uint32_t i = 0; i < session->membership_count; i++)
        if (strcmp(session->memberships[i].room->name, room) == 0)
            return true;
    return false;
}

/* The address without the port; "" of a client that is between two polls. */
static void admin_address(const struct session *session, char *text)
{
    char *colon;

    *text = '\0';
    if (session->conn == NULL)
        return;
    peer_text(&session->conn->peer, text);
    colon = strrchr(text, ':');
    if (session->conn->peer.family != AF_UNIX && colon != NULL)
        *colon = '\0';
}

/* Is it one of those that were asked for? */
static bool admin_wanted(const struct admin_gather *gather, const struct session *session)
{
    char text[PEER_TEXT];

    if (*gather->room != '\0' && !admin_in_room(session, gather->room))
        return false;
    if (*gather->session != '\0') {
        session_id_text(session->id, text);
        if (strcmp(gather->session, text) != 0)
            return false;
    }
    if (*gather->address == '\0')
        return true;
    admin_address(session, text);
    return strcmp(gather->address, text) == 0;
}

/* Calls `take` for the next sessions of the thread that were asked for, until there are enough.
 * Returns whether there are more. */
static bool admin_each_session(struct admin_gather *gather, struct io_thread *thread,
                               void (*take)(struct admin_gather *gather, struct session *session))
{
    const struct cursor_table *table = &thread->delivery.cursors;
    uint32_t end = gather->at + ADMIN_CLIENTS_SLICE;

    for (; gather->at < table->count && gather->at < end; gather->at++) {
        const struct cursor *cursor = &table->cursors[gather->at];

        if (json_array_size(gather->found) >= gather->limit)
            return false;
        if (cursor->lag != SESSION_GONE && admin_wanted(gather, cursor->session))
            take(gather, cursor->session);
    }
    return gather->at < table->count;
}

static const char *admin_lag_text(const struct cursor *cursor)
{
    switch ((enum session_lag)cursor->lag) {
    case SESSION_CURRENT:
        return "current";
    case SESSION_OWED:
        return "catching up";
    case SESSION_BLOCKED:
        return "not reading";
    case SESSION_AWAY:
        return "between polls";
    case SESSION_GONE:
        break;
    }
    return "gone";
}

static json_t *admin_session_json(const struct session *session)
{
    const struct cursor *cursor = session_cursor(session);
    size_t behind = cursor->lag != SESSION_CURRENT
                        ? journal_count_after(&session->delivery->journal, cursor->seq)
                        : 0;
    char id[SESSION_ID_TEXT], peer[PEER_TEXT] = "";
    json_t *rooms = json_array();

    session_id_text(session->id, id);
    if (session->conn != NULL)
        peer_text(&session->conn->peer, peer);
    for (uint32_t i = 0; i < session->membership_count; i++)
        if (session->memberships[i].room->name_len > 0)
            json_array_append_new(rooms, json_string(session->memberships[i].room->name));
    return json_pack("{s:s, s:I, s:s, s:s, s:s, s:I, s:o}", "session", id, "connection",
                     (json_int_t)(session->conn != NULL ? session->conn->number : 0), "address",
                     peer, "transport", dialect_name((enum dialect)cursor->dialect), "state",
                     admin_lag_text(cursor), "behind", (json_int_t)behind, "rooms", rooms);
}

static void admin_take_session(struct admin_gather *gather, struct session *session)
{
    json_array_append_new(gather->found, admin_session_json(session));
}

static bool admin_visit_clients(struct admin_gather *gather, struct io_thread *thread)
{
    return admin_each_session(gather, thread, admin_take_session);
}

static json_t *admin_finish_clients(struct admin_gather *gather)
{
    return json_pack("{s:O}", "clients", gather->found);
}

static void admin_on_clients(struct http_conn *http)
{
    struct admin_gather *gather = admin_gather_new(http, json_array());

    if (gather == NULL)
        return;
    gather->visit = admin_visit_clients;
    gather->finish = admin_finish_clients;
    admin_gather_start(gather);
}

/* How many there are is all that is kept of them, so there is no limit. */
static void admin_take_kick(struct admin_gather *gather, struct session *session)
{
    json_integer_set(gather->found, json_integer_value(gather->found) + 1);
    session->ops->kick(session);
}

static bool admin_visit_kick(struct admin_gather *gather, struct io_thread *thread)
{
    return admin_each_session(gather, thread, admin_take_kick);
}

static json_t *admin_finish_kick(struct admin_gather *gather)
{
    return json_pack("{s:O}", "kicked", gather->found);
}

static void admin_on_kick(struct http_conn *http)
{
    struct admin_gather *gather;

    if (!admin_command_allowed(http))
        return;
    gather = admin_gather_new(http, json_integer(0));
    if (gather == NULL)
        return;
    if (!admin_gather_is_selective(gather)) {
        admin_gather_refuse(gather, "name a session, an address or a room");
        return;
    }
    gather->visit = admin_visit_kick;
    gather->finish = admin_finish_kick;
    admin_gather_start(gather);
}

const struct endpoint admin_clients_endpoint = {
    .path = "/clients",
    .admin = true,
    .methods = 1u << HTTP_GET | 1u << HTTP_HEAD,
    .allow = "GET, HEAD",
    .on_request = admin_on_clients,
};

const struct endpoint admin_kick_endpoint = {
    .path = "/kick",
    .admin = true,
    .methods = 1u << HTTP_POST,
    .allow = "POST",
    .on_request = admin_on_kick,
};
