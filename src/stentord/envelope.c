#include "envelope.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "numbering.h"
#include "stentor/wire/socket_io.h"

/* 2^53, below which numbers of JSON are exact. */
#define ENVELOPE_MAX_SEQ 9007199254740992.0

/* One envelope while it is being read. */
struct envelope {
    const struct envelope_context *context;
    struct publication publication;
    struct span rooms[MESSAGE_MAX_ROOMS];
    struct span except[MESSAGE_MAX_ROOMS];
    char *error;
};

static bool envelope_fail(struct envelope *envelope, const char *text)
{
    snprintf(envelope->error, ENVELOPE_ERROR, "%s", text);
    return false;
}

static const char *envelope_check_name(struct span name, const char *what)
{
    return message_name_valid(name) ? NULL : what;
}

const char *envelope_check_room(struct span name)
{
    if (name.len == 1 && name.ptr[0] == '*')
        return "\"*\" is no room: leave the room out to reach everyone";
    return envelope_check_name(name, "a room's name must be a text of 1 to 256 bytes");
}

const char *envelope_check_event(struct span name)
{
    if (socket_io_event_reserved(name.ptr, name.len))
        return "Socket.IO clients reserve this event's name; choose another";
    return envelope_check_name(name, "\"event\" must be a text of 1 to 256 bytes");
}

static struct span envelope_string(const json_t *value)
{
    return (struct span){json_string_value(value), json_string_length(value)};
}

/* Reads one room, or a list of them. */
static bool envelope_read_rooms(struct envelope *envelope, const json_t *value, struct span *rooms,
                                size_t *count)
{
    size_t size = json_is_array(value) ? json_array_size(value) : 1;

    if (size > MESSAGE_MAX_ROOMS)
        return envelope_fail(envelope, "one message can name at most 256 rooms");
    for (size_t i = 0; i < size; i++) {
        const json_t *name = json_is_array(value) ? json_array_get(value, i) : value;
        const char *wrong = envelope_check_room(envelope_string(name));

        if (wrong != NULL)
            return envelope_fail(envelope, wrong);
        rooms[(*count)++] = envelope_string(name);
    }
    return true;
}

/* The rooms that the message is for. An empty list is a mistake: it must not mean everyone. */
static bool envelope_read_targets(struct envelope *envelope, const json_t *value)
{
    size_t *count = &envelope->publication.room_count;

    if (*count > 0)
        return envelope_fail(envelope, "an envelope has either \"room\" or \"rooms\"");
    if (!envelope_read_rooms(envelope, value, envelope->rooms, count))
        return false;
    return *count > 0 ||
           envelope_fail(envelope, "\"rooms\" is empty: leave it out to reach everyone");
}

static bool envelope_read_namespace(struct envelope *envelope, const json_t *value)
{
    const struct envelope_context *context = envelope->context;
    struct span name = envelope_string(value);
    int namespace =
        name.ptr != NULL ? config_find_namespace(context->config, name.ptr, name.len) : -1;

    if (namespace < 0)
        return envelope_fail(envelope, "there is no such namespace (option namespaces)");
    if (context->fixed_namespace && namespace != context->namespace)
        return envelope_fail(envelope, "you can publish to your own namespace only");
    envelope->publication.namespace = namespace;
    return true;
}

/* Clients, who have no say in the order of messages, cannot number them. */
static bool envelope_read_seq(struct envelope *envelope, const json_t *value)
{
    double seq = json_is_number(value) ? json_number_value(value) : 0;
    const char *wrong;

    if (envelope->context->fixed_namespace)
        return envelope_fail(envelope, "only who publishes over HTTP can give \"seq\"");
    envelope->publication.seq = seq > 0 && seq < ENVELOPE_MAX_SEQ ? (uint64_t)seq : 0;
    wrong = numbering_refusal(envelope->publication.seq);
    return wrong == NULL || envelope_fail(envelope, wrong);
}

static bool envelope_read_to(struct envelope *envelope, const json_t *value)
{
    const struct envelope_context *context = envelope->context;
    struct span id = envelope_string(value);

    if (context->to == NULL)
        return envelope_fail(envelope, "publish is for rooms; to reach one session, send");
    if (id.ptr == NULL)
        return envelope_fail(envelope, "\"to\" must be a text, a session's id");
    context->to->given = true;
    context->to->known = session_id_parse(context->to->id, id.ptr, id.len, SESSION_ID_ANY_SERVER);
    context->to->neighbour =
        context->fixed_namespace && grid_direction_parse(id.ptr, id.len, &context->to->direction);
    return true;
}

/* NULL, or what of the other members does not go with `to`. */
static const char *envelope_check_to(const struct envelope *envelope)
{
    const struct publication *publication = &envelope->publication;
    const struct envelope_to *to = envelope->context->to;

    if (to == NULL || !to->given)
        return NULL;
    if (publication->except_count + publication->key.len + publication->seq > 0)
        return "with \"to\" there is no except, no key and no seq";
    if (to->neighbour && publication->room_count != 1)
        return "a neighbour is one in a room: name it in \"room\"";
    if (!to->neighbour && publication->room_count > 0)
        return "with a session's id in \"to\" there is no room";
    return NULL;
}

static bool envelope_read_member(struct envelope *envelope, const char *name, const json_t *value)
{
    struct publication *publication = &envelope->publication;

    if (strcmp(name, "to") == 0)
        return envelope_read_to(envelope, value);

    if (strcmp(name, "namespace") == 0)
        return envelope_read_namespace(envelope, value);
    if (strcmp(name, "room") == 0 || strcmp(name, "rooms") == 0)
        return json_is_null(value) || envelope_read_targets(envelope, value);
    if (strcmp(name, "except") == 0)
        return json_is_null(value) ||
               envelope_read_rooms(envelope, value, envelope->except, &publication->except_count);
    if (strcmp(name, "event") == 0) {
        publication->event = envelope_string(value);
        return json_is_string(value) || envelope_fail(envelope, "\"event\" must be a text");
    }
    if (strcmp(name, "key") == 0) {
        publication->key = envelope_string(value);
        return (json_is_string(value) && publication->key.len <= MESSAGE_MAX_NAME) ||
               envelope_fail(envelope, "\"key\" must be a text of at most 256 bytes");
    }
    if (strcmp(name, "seq") == 0)
        return envelope_read_seq(envelope, value);
    if (envelope->context->fixed_namespace &&
        (strcmp(name, "type") == 0 || strcmp(name, "id") == 0))
        return true; /* of the native command that the envelope is */
    if (strcmp(name, "data") == 0)
        return true; /* taken as text, in envelope_read_args */
    if (strcmp(name, "args") == 0)
        return json_is_array(value) || envelope_fail(envelope, "\"args\" must be an array");
    snprintf(envelope->error, ENVELOPE_ERROR,
             "\"%.60s\" is not a member of an envelope; see stentor-protocol(7)", name);
    return false;
}

/* Takes the arguments as the bytes that the publisher wrote. */
static bool envelope_read_args(struct envelope *envelope, const json_t *root, struct span text)
{
    struct publication *publication = &envelope->publication;
    struct span args, element;
    size_t pos = 0;

    if (json_object_find(text, "args", &args)) {
        if (json_object_find(text, "data", &element))
            return envelope_fail(envelope, "an envelope has either \"data\" or \"args\"");
        while (json_array_next(args, &pos, &element))
            publication->arg_count++;
        publication->args = json_trim((struct span){args.ptr + 1, args.len - 2});
        return true;
    }
    publication->arg_count = 1;
    if (json_object_find(text, "data", &publication->args))
        return true;
    publication->args = (struct span){"null", 4};
    return (json_object_get(root, "data") == NULL && json_object_get(root, "args") == NULL) ||
           envelope_fail(envelope, "write the names \"data\" and \"args\" without escapes");
}

/* Does each of Socket.IO's placeholders stand for an attachment of its own? One without would make
 * clients' parsers fail; one attachment for many would let a small message become a huge one.
 * `*seen` are bits of those that have been named. */
static bool envelope_placeholders_valid(const json_t *value, size_t attachments, unsigned *seen)
{
    const json_t *num = json_object_get(value, "num");
    const char *name;
    json_t *child;
    size_t i;

    if (json_is_true(json_object_get(value, "_placeholder"))) {
        double n = json_number_value(num);
        if (json_object_size(value) != 2 || !json_is_number(num) || n < 0 ||
            n >= (double)attachments || n != (double)(size_t)n || *seen & 1u << (size_t)n)
            return false;
        *seen |= 1u << (size_t)n;
        return true;
    }
    json_array_foreach(
        value, i, child) if (!envelope_placeholders_valid(child, attachments, seen)) return false;
    json_object_foreach(
        (json_t *)(uintptr_t)value, name,
        child) if (!envelope_placeholders_valid(child, attachments, seen)) return false;
    return true;
}

#define ENVELOPE_BAD_PLACEHOLDER                                                                   \
    "each placeholder must name an attachment of its own, and no two members have one name"

/* With attachments each member of an object must have a name of its own: of two placeholders by one
 * name only one would be looked at here, while MessagePack clients would get both. */
static json_t *envelope_load(struct span text, size_t attachments)
{
    size_t flags = json_load_flags() | (attachments > 0 ? JSON_REJECT_DUPLICATES : 0);

    if (text.len == 0 || memchr(text.ptr, '\0', text.len) != NULL)
        return NULL; /* jansson lets some of these pass */
    return json_loadb(text.ptr, text.len, flags, NULL);
}

const char *envelope_check_attachments(struct span json, size_t attachments)
{
    json_t *value = attachments > 0 ? envelope_load(json, attachments) : NULL;
    unsigned seen = 0;
    bool valid = attachments == 0 ||
                 (value != NULL && envelope_placeholders_valid(value, attachments, &seen));

    json_decref(value);
    return valid ? NULL : ENVELOPE_BAD_PLACEHOLDER;
}

static bool envelope_read(struct envelope *envelope, json_t *root, struct span text)
{
    struct publication *publication = &envelope->publication;
    const char *name, *wrong;
    unsigned seen = 0;
    json_t *value;

    if (!json_is_object(root))
        return envelope_fail(envelope, "an envelope is a JSON object");
    json_object_foreach(root, name,
                        value) if (!envelope_read_member(envelope, name, value)) return false;
    if (publication->attachment_count > 0 &&
        !envelope_placeholders_valid(root, publication->attachment_count, &seen))
        return envelope_fail(envelope, ENVELOPE_BAD_PLACEHOLDER);
    wrong = envelope_check_to(envelope);
    if (wrong != NULL)
        return envelope_fail(envelope, wrong);
    wrong = publication->event.ptr != NULL ? envelope_check_event(publication->event)
                                           : "\"event\" is missing";
    if (wrong != NULL)
        return envelope_fail(envelope, wrong);
    return envelope_read_args(envelope, root, text);
}

struct message *envelope_parse(const struct envelope_context *context, struct span text,
                               char error[ENVELOPE_ERROR])
{
    struct envelope envelope = {.context = context, .error = error};
    json_t *root = envelope_load(text, context->attachment_count);
    struct message *message = NULL;

    envelope.publication = (struct publication){
        .namespace = context->namespace,
        .rooms = envelope.rooms,
        .except = envelope.except,
        .attachments = context->attachments,
        .attachment_count = context->attachment_count,
    };
    if (envelope_read(&envelope, root, json_trim(text))) {
        message = message_new(&envelope.publication, context->io_threads);
        if (message == NULL)
            envelope_fail(&envelope, "the server has no memory for the message");
    }
    json_decref(root);
    return message;
}
