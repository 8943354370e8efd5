#include "dialect.h"

#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"
#include "stentor/wire/packjson.h"

#include "audience.h"
#include "crowd.h"

bool dialect_starts(struct span text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

bool dialect_member(struct span text, const char *name, struct span *value)
{
    char error[JSON_MAX_ERROR];

    return dialect_starts(text, "{") && json_text_valid(text.ptr, text.len, error) &&
           json_object_find(text, name, value);
}

const char *dialect_plain(struct client *client, bool binary, struct span data)
{
    (void)binary;
    client_deliver(client, data);
    return NULL;
}

/* The answer to a message for another client. */
static void dialect_native_refused(struct client *client, struct span text)
{
    struct span id;

    if (dialect_member(text, "id", &id))
        directed_refused(client->crowd->directed, client, strtoull(id.ptr, NULL, 10));
}

static const char *dialect_native_text(struct client *client, struct span text)
{
    struct span type;

    if (client->state == CLIENT_JOINED) {
        if (dialect_starts(text, "{\"type\":\"gap\""))
            client_note_gap(client);
        else if (dialect_starts(text, "{\"type\":\"error\""))
            dialect_native_refused(client, text);
        else if (client_has_place(client) && dialect_starts(text, "{\"type\":\"neighbours\""))
            client_place(client, text);
        else
            client_deliver(client, text);
    } else if (client->state == CLIENT_JOINING) {
        if (!dialect_member(text, "type", &type) || !dialect_starts(type, "\"hello\""))
            return "no_hello";
        if (dialect_member(text, "session", &type))
            client_name(client, type);
        crowd_on_joined(client->crowd, client);
    }
    return NULL;
}

static const char *dialect_native_msgpack(struct client *client, struct span data)
{
    struct packjson decoded = {.json = STRBUF_INIT};
    const char *cause = "bad_msgpack", *error;

    if (packjson_decode(&decoded, data.ptr, data.len, &error))
        cause = dialect_native_text(client, (struct span){decoded.json.data, decoded.json.len});
    packjson_free(&decoded);
    return cause;
}

const char *dialect_native(struct client *client, bool binary, struct span data)
{
    if (!client->audience->transport->msgpack)
        return dialect_native_text(client, data);
    /* A server that does not know the subprotocol goes on in JSON. */
    return binary ? dialect_native_msgpack(client, data) : "no_msgpack";
}

static void dialect_native_say(struct client *client, const struct strbuf *json)
{
    const struct transport *transport = client->audience->transport;
    struct strbuf packed = STRBUF_INIT;

    ENSURE(!json->failed);
    if (!transport->msgpack) {
        transport->ops->say(client, false, (struct span){json->data, json->len});
        return;
    }
    packjson_encode(&packed, (struct span){json->data, json->len}, NULL, 0);
    ENSURE(!packed.failed);
    transport->ops->say(client, true, (struct span){packed.data, packed.len});
    strbuf_free(&packed);
}

static void dialect_append_member(struct strbuf *out, const char *name, const char *value)
{
    strbuf_printf(out, ",\"%s\":", name);
    json_append_string(out, value, strlen(value));
}

const char *dialect_send(struct client *client, const char *to, const char *room, struct span data,
                         uint32_t id)
{
    const struct transport *transport = client->audience->transport;
    struct strbuf json = STRBUF_INIT;
    const char *cause = NULL;

    if (!transport_can_send(transport))
        return NULL;
    if (transport->engine_io == 0)
        strbuf_printf(&json, "{\"type\":\"send\",\"id\":%u,\"to\":", id);
    else
        strbuf_append_str(&json, "{\"to\":");
    json_append_string(&json, to, strlen(to));
    if (room != NULL)
        dialect_append_member(&json, "room", room);
    dialect_append_member(&json, "event", "directed");
    strbuf_append_str(&json, ",\"data\":");
    strbuf_append(&json, data.ptr, data.len);
    strbuf_append_char(&json, '}');
    if (transport->engine_io == 0)
        dialect_native_say(client, &json);
    else
        cause = dialect_socketio_event(client, "send", (struct span){json.data, json.len}, &id);
    strbuf_free(&json);
    return cause;
}

static void dialect_native_publish(struct client *client, const char *event, struct span data)
{
    const char *room = client->crowd->options->room;
    struct strbuf json = STRBUF_INIT;

    strbuf_append_str(&json, "{\"type\":\"publish\"");
    dialect_append_member(&json, "event", event);
    if (room != NULL)
        dialect_append_member(&json, "room", room);
    strbuf_append_str(&json, ",\"data\":");
    strbuf_append(&json, data.ptr, data.len);
    strbuf_append_char(&json, '}');
    dialect_native_say(client, &json);
    strbuf_free(&json);
}

/* Plain servers are told the data itself. */
const char *dialect_emit(struct client *client, const char *event, struct span data)
{
    const struct transport *transport = client->audience->transport;

    if (transport->engine_io != 0)
        return dialect_socketio_event(client, event, data, NULL);
    if (transport->message == dialect_native)
        dialect_native_publish(client, event, data);
    else
        transport->ops->say(client, false, data);
    return NULL;
}
