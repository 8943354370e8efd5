#include "message.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "encoder.h"
#include "stentor/base/obj.h"
#include "stentor/base/utf8.h"

enum {
    MESSAGE_MAX_RESPONSE = 4096, /* bytes of a payload; larger ones gain nothing by being shared */
    MESSAGE_LATE_FACTOR = 2,     /* what is built late may take so many times journal.bytes, and
                                    the newest message in every dialect */
};

/* Taken only to build what nobody needed when the message was published: an encoding, a response;
 * and to count its bytes, since the journal's limit does not know them. */
static pthread_mutex_t message_late_lock = PTHREAD_MUTEX_INITIALIZER;
static size_t message_late_bytes;

bool message_name_valid(struct span name)
{
    return name.len > 0 && name.len <= MESSAGE_MAX_NAME &&
           memchr(name.ptr, '\0', name.len) == NULL && utf8_valid(name.ptr, name.len);
}

static size_t message_text_size(const struct publication *p)
{
    size_t size = p->event.len + p->args.len + p->key.len;

    for (size_t i = 0; i < p->room_count; i++)
        size += p->rooms[i].len;
    for (size_t i = 0; i < p->except_count; i++)
        size += p->except[i].len;
    return size;
}

static struct span message_copy_text(char **at, struct span text)
{
    struct span copy = {*at, text.len};

    if (text.len > 0)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return copy;
}

static struct span *message_copy_names(struct span **table, char **text, const struct span *names,
                                       size_t count)
{
    struct span *copy = *table;

    for (size_t i = 0; i < count; i++)
        copy[i] = message_copy_text(text, names[i]);
    *table += count;
    return copy;
}

/* One allocation: the struct, the mails, the tables, the texts. */
struct message *message_new(const struct publication *p, unsigned io_threads)
{
    size_t mails = io_threads * sizeof(struct message_mail);
    size_t names = (p->room_count + p->except_count) * sizeof(struct span);
    size_t attachments = p->attachment_count * sizeof(struct refbuf *);
    size_t size = sizeof(struct message) + mails + names + attachments + message_text_size(p);
    struct message *message = calloc(1, size);

    if (message == NULL)
        return NULL;
    OBJ_INIT(message, MESSAGE_MAGIC);
    atomic_init(&message->refs, 1);
    message->allocated = size;
    struct span *table = (struct span *)(void *)((char *)message->mails + mails);
    message->attachments = (struct refbuf **)(void *)((char *)table + names);
    char *text = (char *)message->attachments + attachments;

    message->seq = p->seq;
    message->namespace = p->namespace;
    message->rooms = message_copy_names(&table, &text, p->rooms, p->room_count);
    message->room_count = p->room_count;
    message->except = message_copy_names(&table, &text, p->except, p->except_count);
    message->except_count = p->except_count;
    message->event = message_copy_text(&text, p->event);
    message->args = message_copy_text(&text, p->args);
    message->arg_count = p->arg_count;
    message->key = message_copy_text(&text, p->key);
    for (size_t i = 0; i < p->attachment_count; i++)
        message->attachments[i] = refbuf_ref(p->attachments[i]);
    message->attachment_count = p->attachment_count;
    return message;
}

void message_ref(struct message *message, unsigned count)
{
    atomic_fetch_add_explicit(&message->refs, count, memory_order_relaxed);
}

static void message_free_late(struct message *message)
{
    struct message_response *response =
        atomic_load_explicit(&message->responses, memory_order_relaxed);

    while (response != NULL) {
        struct message_response *next = response->next;
        refbuf_unref(&response->bytes);
        free(response);
        response = next;
    }
    if (message->late == 0)
        return;
    pthread_mutex_lock(&message_late_lock);
    message_late_bytes -= message->late;
    pthread_mutex_unlock(&message_late_lock);
}

static void message_free(struct message *message)
{
    message_free_late(message);
    for (unsigned i = 0; i < DIALECT_COUNT; i++) {
        struct refbuf *encoding =
            atomic_load_explicit(&message->encodings[i], memory_order_relaxed);
        refbuf_unref(&encoding);
    }
    for (size_t i = 0; i < message->attachment_count; i++)
        refbuf_unref(&message->attachments[i]);
    OBJ_CLEAR(message);
    free(message);
}

void message_unref(struct message **slot)
{
    struct message *message = *slot;

    if (message == NULL)
        return;
    OBJ_CHECK(message, MESSAGE_MAGIC);
    *slot = NULL;
    if (atomic_fetch_sub_explicit(&message->refs, 1, memory_order_acq_rel) == 1)
        message_free(message);
}

/* May another `bytes` be built late? Under the lock. */
static bool message_late_allowed(size_t bytes, const struct encoder *encoder)
{
    const struct config *config = encoder->config;

    return message_late_bytes + bytes <= (size_t)config->journal_bytes * MESSAGE_LATE_FACTOR +
                                             (size_t)config->max_publish_size * DIALECT_COUNT;
}

/* Under the lock. */
static void message_count_late(struct message *message, size_t bytes)
{
    message->late += bytes;
    message_late_bytes += bytes;
}

static struct refbuf *message_build_late(struct message *message, enum dialect dialect,
                                         struct encoder *encoder)
{
    struct refbuf *encoding;

    pthread_mutex_lock(&message_late_lock);
    encoding = atomic_load_explicit(&message->encodings[dialect], memory_order_acquire);
    bool late = message->cost != 0; /* the broadcast stage has counted what it built */
    if (encoding == NULL && (!late || message_late_allowed(message->allocated, encoder))) {
        encoding = encoder_build(encoder, message, dialect);
        atomic_store_explicit(&message->encodings[dialect], encoding, memory_order_release);
        if (encoding != NULL && late)
            message_count_late(message, sizeof(*encoding) + encoding->len);
    }
    pthread_mutex_unlock(&message_late_lock);
    return encoding;
}

struct refbuf *message_encoding(struct message *message, enum dialect dialect,
                                struct encoder *encoder)
{
    struct refbuf *encoding =
        atomic_load_explicit(&message->encodings[dialect], memory_order_acquire);

    return LIKELY(encoding != NULL) ? encoding : message_build_late(message, dialect, encoder);
}

static struct refbuf *message_find_response(struct message *message, enum dialect dialect,
                                            uint8_t answer, unsigned generation)
{
    const struct message_response *response =
        atomic_load_explicit(&message->responses, memory_order_acquire);

    while (response != NULL && (response->dialect != dialect || response->answer != answer ||
                                response->generation != generation))
        response = response->next;
    return response != NULL ? response->bytes : NULL;
}

static struct refbuf *message_add_response(struct message *message, enum dialect dialect,
                                           uint8_t answer, struct encoder *encoder,
                                           const struct refbuf *payload)
{
    struct message_response *response = malloc(sizeof(*response));

    if (response == NULL)
        return NULL;
    *response = (struct message_response){
        .next = atomic_load_explicit(&message->responses, memory_order_relaxed),
        .bytes = encoder_build_response(encoder, dialect, answer, payload),
        .dialect = (uint8_t)dialect,
        .answer = answer,
        .generation = encoder->config->generation,
    };
    if (response->bytes == NULL) {
        free(response);
        return NULL;
    }
    atomic_store_explicit(&message->responses, response, memory_order_release);
    message_count_late(message, sizeof(*response) + response->bytes->len);
    return response->bytes;
}

struct refbuf *message_response(struct message *message, enum dialect dialect, uint8_t answer,
                                struct encoder *encoder)
{
    unsigned generation = encoder->config->generation;
    struct refbuf *bytes = message_find_response(message, dialect, answer, generation), *payload;

    if (LIKELY(bytes != NULL))
        return bytes;
    payload = message_encoding(message, dialect, encoder);
    if (payload == NULL || payload->len > MESSAGE_MAX_RESPONSE)
        return NULL;
    pthread_mutex_lock(&message_late_lock);
    bytes = message_find_response(message, dialect, answer, generation);
    if (bytes == NULL && message_late_allowed(payload->len, encoder))
        bytes = message_add_response(message, dialect, answer, encoder, payload);
    pthread_mutex_unlock(&message_late_lock);
    return bytes;
}

size_t message_size(const struct message *message)
{
    size_t size = message->allocated;

    for (unsigned i = 0; i < DIALECT_COUNT; i++) {
        const struct refbuf *encoding = atomic_load_explicit(
            (_Atomic(struct refbuf *) *)(uintptr_t)&message->encodings[i], memory_order_relaxed);
        if (encoding != NULL)
            size += sizeof(*encoding) + encoding->len;
    }
    for (size_t i = 0; i < message->attachment_count; i++)
        size += sizeof(struct refbuf) + message->attachments[i]->len;
    return size;
}
