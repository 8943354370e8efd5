#include "peers.h"

#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

/* A note is a sequence of items, each of which begins with its kind. */
enum peers_item { PEERS_ITEM_NAME, PEERS_ITEM_ARRIVAL };

void peers_init(struct peers *peers, unsigned clients, const struct role *role)
{
    memset(peers, 0, sizeof(*peers));
    peers->role = role;
    peers->clients = clients;
    if (role->count < 2)
        return;
    peers->names = calloc(clients, sizeof(*peers->names));
    peers->arrivals = calloc(role->count, sizeof(*peers->arrivals));
    ENSURE(peers->names != NULL && peers->arrivals != NULL);
}

void peers_free(struct peers *peers)
{
    for (unsigned i = 0; peers->names != NULL && i < peers->clients; i++)
        free(peers->names[i]);
    for (unsigned i = 0; peers->arrivals != NULL && i < peers->role->count; i++)
        strbuf_free(&peers->arrivals[i]);
    free(peers->names);
    free(peers->arrivals);
    strbuf_free(&peers->renamed);
    memset(peers, 0, sizeof(*peers));
}

const char *peers_name(const struct peers *peers, uint32_t client)
{
    return peers->names != NULL ? peers->names[client] : NULL;
}

/* --- What leaves. */

void peers_tell_name(struct peers *peers, unsigned number, const char *name)
{
    struct archive archive = archive_writer(&peers->renamed);
    uint8_t item = PEERS_ITEM_NAME;
    uint32_t client = peers_number(peers, number);
    struct span text = {name != NULL ? name : "", name != NULL ? strlen(name) : 0};

    if (peers->names == NULL || text.len > PEERS_NAME)
        return;
    archive_u8(&archive, &item);
    archive_u32(&archive, &client);
    archive_bytes(&archive, &text);
}

void peers_tell_arrival(struct peers *peers, unsigned process, uint32_t n, uint64_t delay_ns)
{
    struct archive archive = archive_writer(&peers->arrivals[process]);
    uint8_t item = PEERS_ITEM_ARRIVAL;

    archive_u8(&archive, &item);
    archive_u32(&archive, &n);
    archive_u64(&archive, &delay_ns);
}

static void peers_flush_one(struct strbuf *note, uint32_t to,
                            void (*send)(void *arg, uint32_t to, const struct strbuf *note),
                            void *arg)
{
    ENSURE(!note->failed);
    if (note->len > 0)
        send(arg, to, note);
    strbuf_clear(note);
}

void peers_flush(struct peers *peers,
                 void (*send)(void *arg, uint32_t to, const struct strbuf *note), void *arg)
{
    if (peers->names == NULL)
        return;
    peers_flush_one(&peers->renamed, PEERS_ALL, send, arg);
    for (uint32_t i = 0; i < peers->role->count; i++)
        peers_flush_one(&peers->arrivals[i], i, send, arg);
}

/* --- What comes. */

static void peers_take_name(struct peers *peers, struct archive *archive,
                            const struct peers_reader *reader)
{
    struct span text = {"", 0};
    uint32_t client = 0;

    archive_u32(archive, &client);
    archive_bytes(archive, &text);
    if (archive->failed || client >= peers->clients || text.len > PEERS_NAME ||
        memchr(text.ptr, '\0', text.len) != NULL) {
        archive->failed = true;
        return;
    }
    if (peers->names[client] != NULL)
        reader->departed(reader->arg, client);
    free(peers->names[client]);
    peers->names[client] = text.len > 0 ? strndup(text.ptr, text.len) : NULL;
    ENSURE(text.len == 0 || peers->names[client] != NULL);
}

static void peers_take_arrival(struct archive *archive, const struct peers_reader *reader)
{
    uint64_t delay_ns = 0;
    uint32_t n = 0;

    archive_u32(archive, &n);
    archive_u64(archive, &delay_ns);
    if (!archive->failed)
        reader->arrived(reader->arg, n, delay_ns);
}

bool peers_take(struct peers *peers, struct span note, const struct peers_reader *reader)
{
    struct archive archive = archive_reader(note);
    uint8_t item = 0;

    if (peers->names == NULL)
        return false;
    while (!archive.failed && archive.pos < note.len) {
        archive_u8(&archive, &item);
        if (item == PEERS_ITEM_NAME)
            peers_take_name(peers, &archive, reader);
        else if (item == PEERS_ITEM_ARRIVAL)
            peers_take_arrival(&archive, reader);
        else
            return false;
    }
    return !archive.failed;
}
