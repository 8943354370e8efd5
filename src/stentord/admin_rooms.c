/* /rooms: the largest rooms, by their members on all threads. */
#include "admin_endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "admin_gather.h"
#include "io_thread.h"

enum {
    ADMIN_ROOMS_KNOWN = 20000, /* that are added up; of more, some are left out */
    ADMIN_ROOMS_SLICE = 500,   /* that are looked at in one go, some hundred microseconds */
};

/* What stands between namespace and room in a key; neither may contain it. */
#define ADMIN_ROOMS_SEPARATOR "\n"

static void admin_add_room(json_t *found, const struct config *config, const struct room *room)
{
    struct strbuf key = STRBUF_INIT;
    json_t *members;

    strbuf_printf(&key, "%s" ADMIN_ROOMS_SEPARATOR "%s", config->namespaces[room->namespace],
                  room->name);
    members = json_object_get(found, strbuf_cstr(&key));
    if (members != NULL)
        json_integer_set(members, json_integer_value(members) + room->member_count);
    else if (json_object_size(found) < ADMIN_ROOMS_KNOWN)
        json_object_set_new(found, strbuf_cstr(&key), json_integer(room->member_count));
    strbuf_free(&key);
}

static bool admin_visit_rooms(struct admin_gather *gather, struct io_thread *thread)
{
    unsigned looked_at = 0;

    do {
        const struct room *room = room_table_scan(&thread->delivery.rooms, &gather->at);

        for (looked_at++; room != NULL; room = room->next, looked_at++)
            if (room->member_count > 0)
                admin_add_room(gather->tally, thread->config, room);
    } while (gather->at != 0 && looked_at < ADMIN_ROOMS_SLICE);
    return gather->at != 0;
}

struct admin_room {
    const char *key;
    json_int_t members;
};

static int admin_compare_rooms(const void *a, const void *b)
{
    const struct admin_room *x = a, *y = b;

    if (x->members != y->members)
        return x->members < y->members ? 1 : -1;
    return strcmp(x->key, y->key);
}

static void admin_append_room(struct strbuf *out, const struct admin_room *room)
{
    const char *separator = strstr(room->key, ADMIN_ROOMS_SEPARATOR), *name = separator + 1;

    strbuf_append_str(out, "{\"namespace\":");
    json_append_string(out, room->key, (size_t)(separator - room->key));
    strbuf_append_str(out, ",\"room\":");
    if (*name != '\0')
        json_append_string(out, name, strlen(name));
    else
        strbuf_append_str(out, "null");
    strbuf_printf(out, ",\"members\":%" JSON_INTEGER_FORMAT "}", room->members);
}

static void admin_finish_rooms(struct admin_gather *gather)
{
    size_t count = json_object_size(gather->tally), i = 0;
    struct admin_room *rooms = calloc(count > 0 ? count : 1, sizeof(*rooms));
    struct strbuf *out = &gather->answer;
    const char *key;
    json_t *members;

    if (rooms == NULL) {
        out->failed = true;
        return;
    }
    json_object_foreach(gather->tally, key, members) rooms[i++] =
        (struct admin_room){key, json_integer_value(members)};
    qsort(rooms, count, sizeof(*rooms), admin_compare_rooms);
    strbuf_printf(out, "{\"count\":%zu,\"rooms\":[", count);
    for (i = 0; i < count && i < gather->limit; i++) {
        if (i > 0)
            strbuf_append_char(out, ',');
        admin_append_room(out, &rooms[i]);
    }
    strbuf_append_str(out, "]}");
    free(rooms);
}

static void admin_on_rooms(struct http_conn *http)
{
    struct admin_gather *gather = admin_gather_new(http);

    if (gather == NULL)
        return;
    gather->tally = json_object();
    gather->answer.failed = gather->tally == NULL;
    gather->visit = admin_visit_rooms;
    gather->finish = admin_finish_rooms;
    admin_gather_start(gather);
}

const struct endpoint admin_rooms_endpoint = {
    .path = "/rooms",
    .admin = true,
    .methods = 1u << HTTP_GET | 1u << HTTP_HEAD,
    .allow = "GET, HEAD",
    .on_request = admin_on_rooms,
};
