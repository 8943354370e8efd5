/* /clients: who is connected; /kick: ends some of them. */
#include "admin_endpoint.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "admin_command.h"
#include "admin_gather.h"
#include "io_thread.h"

/* As many are looked at in one go: some hundred microseconds at most, which deliveries can wait. */
enum { ADMIN_CLIENTS_SLICE = 200 };

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

        if (gather->found >= gather->limit)
            return false;
        if (cursor->lag != SESSION_GONE && admin_wanted(gather, cursor->session)) {
            take(gather, cursor->session);
            gather->found++;
        }
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

static void admin_append_rooms(struct strbuf *out, const struct session *session)
{
    bool first = true;

    for (uint32_t i = 0; i < session->membership_count; i++) {
        const struct room *room = session->memberships[i].room;

        if (room->name_len == 0)
            continue;
        if (!first)
            strbuf_append_char(out, ',');
        json_append_string(out, room->name, room->name_len);
        first = false;
    }
}

/* As text, and not as a tree that is made into one in the end: that took 60 ms for 19,000 of them,
 * in which nobody else was served. */
static void admin_take_session(struct admin_gather *gather, struct session *session)
{
    const struct cursor *cursor = session_cursor(session);
    struct strbuf *out = &gather->answer;
    char id[SESSION_ID_TEXT], peer[PEER_TEXT] = "";
    size_t behind = cursor->lag != SESSION_CURRENT
                        ? journal_count_after(&session->delivery->journal, cursor->seq)
                        : 0;

    session_id_text(session->id, id);
    if (session->conn != NULL)
        peer_text(&session->conn->peer, peer);
    strbuf_printf(out, "%s{\"session\":\"%s\",\"connection\":%" PRIu64 ",\"address\":",
                  gather->found > 0 ? "," : "", id,
                  (uint64_t)(session->conn != NULL ? session->conn->number : 0));
    json_append_string(out, peer, strlen(peer));
    strbuf_printf(out, ",\"transport\":\"%s\",\"state\":\"%s\",\"behind\":%zu,\"rooms\":[",
                  dialect_name((enum dialect)cursor->dialect), admin_lag_text(cursor), behind);
    admin_append_rooms(out, session);
    strbuf_append_str(out, "]}");
}

static bool admin_visit_clients(struct admin_gather *gather, struct io_thread *thread)
{
    return admin_each_session(gather, thread, admin_take_session);
}

static void admin_finish_clients(struct admin_gather *gather)
{
    strbuf_append_str(&gather->answer, "]}");
}

static void admin_on_clients(struct http_conn *http)
{
    struct admin_gather *gather = admin_gather_new(http);

    if (gather == NULL)
        return;
    strbuf_append_str(&gather->answer, "{\"clients\":[");
    gather->visit = admin_visit_clients;
    gather->finish = admin_finish_clients;
    admin_gather_start(gather);
}

static void admin_take_kick(struct admin_gather *gather, struct session *session)
{
    (void)gather; /* it counts them */
    session->ops->kick(session);
}

static bool admin_visit_kick(struct admin_gather *gather, struct io_thread *thread)
{
    return admin_each_session(gather, thread, admin_take_kick);
}

static void admin_finish_kick(struct admin_gather *gather)
{
    strbuf_printf(&gather->answer, "{\"kicked\":%" PRIu64 "}", gather->found);
}

static void admin_on_kick(struct http_conn *http)
{
    struct admin_gather *gather;

    if (!admin_command_allowed(http))
        return;
    gather = admin_gather_new(http);
    if (gather == NULL)
        return;
    if (!admin_gather_is_selective(gather)) {
        admin_gather_refuse(gather, "name a session, an address or a room");
        return;
    }
    gather->limit = UINT_MAX; /* how many there are is all that is kept of them */
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
