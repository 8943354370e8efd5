/* /rooms: the largest rooms, by their members on all threads. */
#include "admin_endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "admin_gather.h"
#include "io_thread.h"

enum { ADMIN_ROOMS_KNOWN = 20000 }; /* that are added up; of more, some are left out */

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
    const struct room_table *table = &thread->delivery.rooms;

    for (uint32_t i = 0; i < table->bucket_count; i++)
        for (const struct room *room = table->buckets[i]; room != NULL; room = room->next)
            if (room->member_count > 0)
                admin_add_room(gather->found, thread->config, room);
    return false;
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

static json_t *admin_room_json(const struct admin_room *room)
{
    const char *separator = strstr(room->key, ADMIN_ROOMS_SEPARATOR);
    json_t *namespace = json_stringn(room->key, (size_t)(separator - room->key));
    json_t *name = separator[1] != '\0' ? json_string(separator + 1) : json_null();

    return json_pack("{s:o, s:o, s:I}", "namespace", namespace, "room", name, "members",
                     room->members);
}

static json_t *admin_finish_rooms(struct admin_gather *gather)
{
    size_t count = json_object_size(gather->found), i = 0;
    struct admin_room *rooms = calloc(count > 0 ? count : 1, sizeof(*rooms));
    json_t *list = json_array(), *members;
    const char *key;

    if (rooms == NULL || list == NULL) {
        free(rooms);
        json_decref(list);
        return NULL;
    }
    json_object_foreach(gather->found, key, members) rooms[i++] =
        (struct admin_room){key, json_integer_value(members)};
    qsort(rooms, count, sizeof(*rooms), admin_compare_rooms);
    for (i = 0; i < count && i < gather->limit; i++)
        json_array_append_new(list, admin_room_json(&rooms[i]));
    free(rooms);
    return json_pack("{s:I, s:o}", "count", (json_int_t)count, "rooms", list);
}

static void admin_on_rooms(struct http_conn *http)
{
    struct admin_gather *gather = admin_gather_new(http, json_object());

    if (gather == NULL)
        return;
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
