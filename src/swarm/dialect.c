#include "dialect.h"

#include <string.h>

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

static const char *dialect_native_text(struct client *client, struct span text)
{
    struct span type;

    if (client->state == CLIENT_JOINED) {
        if (dialect_starts(text, "{\"type\":\"gap\""))
            client_note_gap(client);
        else
            client_deliver(client, text);
    } else if (client->state == CLIENT_JOINING) {
        if (!dialect_member(text, "type", &type) || !dialect_starts(type, "\"hello\""))
            return "no_hello";
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
