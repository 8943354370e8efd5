#include "permission.h"

#include <string.h>

#include "stentor/base/crypto.h"

/* All keys are compared, so that the time says nothing about which one nearly fitted. */
static bool permission_is_among(struct span key, char *const *keys, size_t count)
{
    bool found = false;

    for (size_t i = 0; i < count; i++)
        found |= crypto_equal(key.ptr, key.len, keys[i], strlen(keys[i]));
    return found;
}

bool permission_is_publish_key(const struct config *config, struct span key)
{
    return permission_is_among(key, config->publish_keys, config->publish_key_count);
}

/* Who may publish to everyone over HTTP may do so as a client, too. */
bool permission_is_key(const struct config *config, struct span key)
{
    bool found = permission_is_among(key, config->client_keys, config->client_key_count);

    return permission_is_publish_key(config, key) || found;
}

/* The rule for a room whose name may be anything yet. */
static const struct config_room_rule *permission_rule(const struct config *config, struct span room)
{
    char name[MESSAGE_MAX_NAME + 1];

    if (room.len == 0 || room.len > MESSAGE_MAX_NAME)
        return NULL;
    memcpy(name, room.ptr, room.len);
    name[room.len] = '\0';
    return config_room_rule(config, name);
}

static bool permission_allows(enum permission permission, enum permission otherwise, bool trusted)
{
    if (permission == PERMISSION_UNSET)
        permission = otherwise;
    return permission == PERMISSION_ANYONE || (permission == PERMISSION_KEY && trusted);
}

const char *permission_join(const struct config *config, struct span room, bool trusted)
{
    const struct config_room_rule *rule = permission_rule(config, room);
    enum permission permission = rule != NULL ? rule->join : PERMISSION_UNSET;

    if (permission_allows(permission, config->client_join, trusted))
        return NULL;
    return permission_allows(permission, config->client_join, true)
               ? "this room needs a key to be joined (client_join, rooms)"
               : "clients may not join this room (client_join, rooms)";
}

static const char *permission_publish_in(const struct config *config, enum permission permission,
                                         bool trusted)
{
    if (permission_allows(permission, config->client_publish, trusted))
        return NULL;
    return permission_allows(permission, config->client_publish, true)
               ? "to publish here you need a key (client_publish, rooms)"
               : "clients may not publish here (client_publish, rooms)";
}

/* To several rooms: only who may in each of them. */
const char *permission_publish(const struct config *config, const struct message *message,
                               bool trusted)
{
    const char *error = NULL;

    if (message->room_count == 0)
        return permission_publish_in(config, PERMISSION_UNSET, trusted);
    for (size_t i = 0; i < message->room_count && error == NULL; i++) {
        const struct config_room_rule *rule = permission_rule(config, message->rooms[i]);

        error =
            permission_publish_in(config, rule != NULL ? rule->publish : PERMISSION_UNSET, trusted);
    }
    return error;
}

const char *permission_send(const struct config *config, bool trusted)
{
    return permission_send_in(config, (struct span){"", 0}, trusted);
}

const char *permission_send_in(const struct config *config, struct span room, bool trusted)
{
    const struct config_room_rule *rule = permission_rule(config, room);
    enum permission permission = rule != NULL ? rule->send : PERMISSION_UNSET;

    if (permission_allows(permission, config->client_send, trusted))
        return NULL;
    return permission_allows(permission, config->client_send, true)
               ? "to send here you need a key (client_send, rooms)"
               : "clients may not send to each other here (client_send, rooms)";
}
