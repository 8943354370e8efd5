#include "stentor/wire/native.h"

#include <string.h>

static const char *const native_command_names[] = {
    [NATIVE_AUTH] = "auth",       [NATIVE_JOIN] = "join", [NATIVE_LEAVE] = "leave",
    [NATIVE_PUBLISH] = "publish", [NATIVE_SEND] = "send", [NATIVE_PING] = "ping",
};

/* The string member `name`, without NUL characters in it; NULL for anything else. */
static const char *native_string(const json_t *root, const char *name)
{
    const json_t *value = json_object_get(root, name);
    const char *text = json_string_value(value);

    if (text == NULL || strlen(text) != json_string_length(value))
        return NULL;
    return text;
}

static bool native_find_type(struct native_command *command)
{
    const char *type = native_string(command->root, "type");

    for (size_t i = 0; type != NULL && i < ARRAY_LEN(native_command_names); i++) {
        if (strcmp(type, native_command_names[i]) == 0) {
            command->type = (enum native_command_type)i;
            return true;
        }
    }
    return false;
}

/* A room that is there but cannot be used must not turn a message into one for everyone. */
static bool native_room_valid(const struct native_command *command)
{
    const json_t *room = json_object_get(command->root, "room");

    return room == NULL || json_is_null(room) || command->room != NULL;
}

static const char *native_check(const struct native_command *command)
{
    switch (command->type) {
    case NATIVE_AUTH:
        return command->key == NULL ? "\"key\" must be a string" : NULL;
    case NATIVE_JOIN:
    case NATIVE_LEAVE:
        return command->room == NULL ? "\"room\" must be a string" : NULL;
    case NATIVE_PUBLISH:
        if (!native_room_valid(command))
            return "\"room\" must be a string, or null for everyone";
        return command->event == NULL ? "\"event\" must be a string" : NULL;
    case NATIVE_SEND: /* looked at as an envelope */
    case NATIVE_PING:
        return NULL;
    }
    return NULL;
}

bool native_parse(const char *text, size_t len, struct native_command *command, const char **error)
{
    struct span object = {text, len};

    memset(command, 0, sizeof(*command));
    command->root = json_load_text(text, len);
    if (!json_is_object(command->root)) {
        *error = "a command is a JSON object";
        return false;
    }
    json_object_find(object, "id", &command->id);
    if (!native_find_type(command)) {
        *error =
            "\"type\" must be \"auth\", \"join\", \"leave\", \"publish\", \"send\" or \"ping\"";
        return false;
    }
    command->room = native_string(command->root, "room");
    command->event = native_string(command->root, "event");
    command->key = native_string(command->root, "key");
    json_object_find(object, "data", &command->data);
    *error = native_check(command);
    return *error == NULL;
}

void native_command_free(struct native_command *command)
{
    json_decref(command->root);
    command->root = NULL;
}

static void native_append_str(struct strbuf *out, const char *str)
{
    json_append_string(out, str, strlen(str));
}

static void native_append_nullable(struct strbuf *out, const char *text)
{
    if (text != NULL)
        native_append_str(out, text);
    else
        strbuf_append_str(out, "null");
}

void native_append_hello(struct strbuf *out, const char *session, const char *namespace,
                         uint64_t seq)
{
    strbuf_printf(out, "{\"type\":\"hello\",\"session\":\"%s\",\"namespace\":", session);
    native_append_str(out, namespace);
    strbuf_printf(out, ",\"seq\":%llu}", (unsigned long long)seq);
}

/* The event and its arguments: the last members of an object. */
static void native_append_event(struct strbuf *out, struct span event, struct span args,
                                size_t arg_count)
{
    strbuf_append_str(out, ",\"event\":");
    json_append_string(out, event.ptr, event.len);
    if (arg_count == 1) {
        strbuf_append_str(out, ",\"data\":");
        strbuf_append(out, args.ptr, args.len);
        strbuf_append_char(out, '}');
        return;
    }
    strbuf_append_str(out, ",\"args\":[");
    strbuf_append(out, args.ptr, args.len);
    strbuf_append_str(out, "]}");
}

void native_append_message(struct strbuf *out, uint64_t seq, struct span room, const char *event,
                           size_t event_len, struct span args, size_t arg_count)
{
    strbuf_printf(out, "{\"type\":\"message\",\"seq\":%llu,\"room\":", (unsigned long long)seq);
    strbuf_append(out, room.ptr, room.len);
    native_append_event(out, (struct span){event, event_len}, args, arg_count);
}

void native_append_directed(struct strbuf *out, const char *from, struct span event,
                            struct span args, size_t arg_count)
{
    strbuf_append_str(out, "{\"type\":\"directed\",\"from\":");
    native_append_nullable(out, from);
    native_append_event(out, event, args, arg_count);
}

void native_append_cell(struct strbuf *out, uint32_t x, uint32_t y)
{
    strbuf_printf(out, "\"cell\":{\"x\":%u,\"y\":%u}", x, y);
}

void native_append_ids(struct strbuf *out, const char *const ids[NATIVE_DIRECTIONS])
{
    static const char *const names[NATIVE_DIRECTIONS] = {"north", "east", "south", "west"};

    for (size_t i = 0; i < NATIVE_DIRECTIONS; i++) {
        strbuf_printf(out, "%s\"%s\":", i > 0 ? "," : "", names[i]);
        native_append_nullable(out, ids[i]);
    }
}

void native_append_neighbours(struct strbuf *out, const char *room, uint32_t x, uint32_t y,
                              const char *const ids[NATIVE_DIRECTIONS])
{
    strbuf_append_str(out, "{\"type\":\"neighbours\",\"room\":");
    native_append_str(out, room);
    strbuf_append_char(out, ',');
    native_append_cell(out, x, y);
    strbuf_append_char(out, ',');
    native_append_ids(out, ids);
    strbuf_append_char(out, '}');
}

void native_append_gap_members(struct strbuf *out, const char *room, uint64_t from, uint64_t to)
{
    strbuf_append_str(out, "\"room\":");
    native_append_nullable(out, room);
    strbuf_printf(out, ",\"from\":%llu,\"to\":%llu", (unsigned long long)from,
                  (unsigned long long)to);
}

void native_append_gap(struct strbuf *out, const char *room, uint64_t from, uint64_t to)
{
    strbuf_append_str(out, "{\"type\":\"gap\",");
    native_append_gap_members(out, room, from, to);
    strbuf_append_char(out, '}');
}

static void native_append_id(struct strbuf *out, struct span id)
{
    if (id.len == 0)
        return;
    strbuf_append_str(out, ",\"id\":");
    strbuf_append(out, id.ptr, id.len);
}

static void native_append_answer(struct strbuf *out, const char *type, struct span id)
{
    strbuf_printf(out, "{\"type\":\"%s\"", type);
    native_append_id(out, id);
}

void native_append_ack(struct strbuf *out, struct span id)
{
    native_append_answer(out, "ack", id);
    strbuf_append_char(out, '}');
}

void native_append_pong(struct strbuf *out, struct span id)
{
    native_append_answer(out, "pong", id);
    strbuf_append_char(out, '}');
}

void native_append_error(struct strbuf *out, struct span id, const char *error)
{
    native_append_answer(out, "error", id);
    strbuf_append_str(out, ",\"message\":");
    native_append_str(out, error);
    strbuf_append_char(out, '}');
}
