#include "recovery_record.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "engine_queue.h"
#include "message.h"
#include "stentor/wire/packarray.h"

enum { RECORD_MEMBERS = 8, RECORD_ROOM_MEMBERS = 3 };

struct recovery_record *recovery_record_new(int namespace, const uint8_t id[SESSION_ID_BYTES],
                                            size_t rooms, size_t name_bytes)
{
    size_t bytes =
        sizeof(struct recovery_record) + rooms * sizeof(struct recovery_room) + name_bytes;
    struct recovery_record *record = malloc(bytes);

    if (record == NULL)
        return NULL;
    *record = (struct recovery_record){.bytes = bytes, .namespace = namespace};
    memcpy(record->id, id, SESSION_ID_BYTES);
    record->names = (char *)&record->rooms[rooms];
    return record;
}

void recovery_record_add(struct recovery_record *record, const struct recovery_room *room)
{
    struct recovery_room *added = &record->rooms[record->room_count++];

    *added = *room;
    added->name.ptr = record->names;
    memcpy(record->names, room->name.ptr, room->name.len);
    record->names += room->name.len;
}

void recovery_record_free(struct recovery_record *record)
{
    if (record == NULL)
        return;
    strbuf_free(&record->queue);
    free(record);
}

/* --- Written out */

static int record_write(void *out, const char *data, size_t len)
{
    strbuf_append(out, data, len);
    return 0; /* the buffer knows when it has failed */
}

static void record_pack_bytes(msgpack_packer *packer, const void *data, size_t len)
{
    msgpack_pack_bin(packer, len);
    msgpack_pack_bin_body(packer, data, len);
}

static void record_pack_text(msgpack_packer *packer, struct span text)
{
    msgpack_pack_str(packer, text.len);
    msgpack_pack_str_body(packer, text.ptr, text.len);
}

static void record_pack_queue(msgpack_packer *packer, const struct strbuf *queue)
{
    struct engine_io_packet packet;
    size_t pos = 0, count = 0;

    while (engine_queue_next(queue, &pos, &packet))
        count++;
    msgpack_pack_array(packer, count);
    pos = 0;
    while (engine_queue_next(queue, &pos, &packet)) {
        if (packet.binary)
            record_pack_bytes(packer, packet.data.ptr, packet.data.len);
        else
            record_pack_text(packer, packet.data);
    }
}

void recovery_record_pack(struct strbuf *out, const uint8_t pid[SESSION_ID_BYTES],
                          const struct recovery_record *record, const struct config *config)
{
    const char *namespace = config->namespaces[record->namespace];
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, record_write);
    msgpack_pack_array(&packer, RECORD_MEMBERS);
    record_pack_bytes(&packer, pid, SESSION_ID_BYTES);
    record_pack_bytes(&packer, record->id, SESSION_ID_BYTES);
    record_pack_text(&packer, (struct span){namespace, strlen(namespace)});
    msgpack_pack_uint64(&packer, record->given);
    msgpack_pack_uint64(&packer, record->last);
    (record->msgpack ? msgpack_pack_true : msgpack_pack_false)(&packer);
    record_pack_queue(&packer, &record->queue);
    msgpack_pack_array(&packer, record->room_count * RECORD_ROOM_MEMBERS);
    for (size_t i = 0; i < record->room_count; i++) {
        record_pack_text(&packer, record->rooms[i].name);
        msgpack_pack_uint64(&packer, record->rooms[i].from);
        msgpack_pack_uint64(&packer, record->rooms[i].told);
    }
}

/* --- Read back */

static bool record_is_id(const msgpack_object *object)
{
    return object->type == MSGPACK_OBJECT_BIN && object->via.bin.size == SESSION_ID_BYTES;
}

static bool record_is_number(const msgpack_object *object)
{
    return object->type == MSGPACK_OBJECT_POSITIVE_INTEGER;
}

/* A room's name; that of everyone is empty. */
static bool record_is_name(const msgpack_object *object)
{
    return object->type == MSGPACK_OBJECT_STR &&
           (object->via.str.size == 0 ||
            message_name_valid((struct span){object->via.str.ptr, object->via.str.size}));
}

static bool record_is_queue(const msgpack_object *object)
{
    const msgpack_object_array *packets = &object->via.array;

    if (object->type != MSGPACK_OBJECT_ARRAY)
        return false;
    for (uint32_t i = 0; i < packets->size; i++)
        if (packets->ptr[i].type != MSGPACK_OBJECT_STR &&
            packets->ptr[i].type != MSGPACK_OBJECT_BIN)
            return false;
    return true;
}

static bool record_are_rooms(const msgpack_object *object, size_t *name_bytes)
{
    const msgpack_object_array *rooms = &object->via.array;

    *name_bytes = 0;
    if (object->type != MSGPACK_OBJECT_ARRAY || rooms->size % RECORD_ROOM_MEMBERS != 0)
        return false;
    for (uint32_t i = 0; i < rooms->size; i += RECORD_ROOM_MEMBERS) {
        if (!record_is_name(&rooms->ptr[i]) || !record_is_number(&rooms->ptr[i + 1]) ||
            !record_is_number(&rooms->ptr[i + 2]))
            return false;
        *name_bytes += rooms->ptr[i].via.str.size;
    }
    return true;
}

static void record_add_rooms(struct recovery_record *record, const msgpack_object_array *rooms)
{
    for (uint32_t i = 0; i < rooms->size; i += RECORD_ROOM_MEMBERS) {
        const msgpack_object *room = &rooms->ptr[i];

        recovery_record_add(record, &(struct recovery_room){
                                        .name = {room[0].via.str.ptr, room[0].via.str.size},
                                        .from = room[1].via.u64,
                                        .told = room[2].via.u64,
                                    });
    }
}

/* False when memory is out. */
static bool record_add_packets(struct recovery_record *record, const msgpack_object_array *packets)
{
    bool added = true;

    for (uint32_t i = 0; i < packets->size && added; i++) {
        const msgpack_object *packet = &packets->ptr[i];
        bool binary = packet->type == MSGPACK_OBJECT_BIN;

        added = engine_queue_add(&record->queue,
                                 &(struct engine_io_packet){
                                     .type = ENGINE_IO_MESSAGE,
                                     .binary = binary,
                                     .data = {binary ? packet->via.bin.ptr : packet->via.str.ptr,
                                              binary ? packet->via.bin.size : packet->via.str.size},
                                 });
    }
    return added;
}

/* The record of an array that has been unpacked; NULL and a sentence. */
static struct recovery_record *record_read(const msgpack_object *object,
                                           const struct config *config, const char **error)
{
    const msgpack_object *member = object->via.array.ptr;
    struct recovery_record *record = NULL;
    size_t name_bytes;
    int namespace;

    *error = "a record is [pid, id, namespace, given, last, msgpack, queue, rooms]";
    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size != RECORD_MEMBERS ||
        !record_is_id(&member[0]) || !record_is_id(&member[1]) ||
        member[2].type != MSGPACK_OBJECT_STR || !record_is_number(&member[3]) ||
        !record_is_number(&member[4]) || member[5].type != MSGPACK_OBJECT_BOOLEAN ||
        !record_is_queue(&member[6]) || !record_are_rooms(&member[7], &name_bytes))
        return NULL;
    *error = "there is no such namespace (option namespaces)";
    namespace = config_find_namespace(config, member[2].via.str.ptr, member[2].via.str.size);
    if (namespace < 0)
        return NULL;
    *error = "the server has no memory";
    record = recovery_record_new(namespace, (const uint8_t *)member[1].via.bin.ptr,
                                 member[7].via.array.size / RECORD_ROOM_MEMBERS, name_bytes);
    if (record == NULL)
        return NULL;
    record->given = member[3].via.u64;
    record->last = member[4].via.u64;
    record->msgpack = member[5].via.boolean;
    record_add_rooms(record, &member[7].via.array);
    if (record_add_packets(record, &member[6].via.array))
        return record;
    recovery_record_free(record);
    return NULL;
}

/* Is it an array that is all there? The library takes memory for as many members as one says to
 * have, before it looks for them. */
static bool record_is_whole(struct span packed)
{
    struct packarray array;
    struct span member;

    if (!packarray_begin(&array, packed))
        return false;
    while (packarray_next(&array, &member))
        ;
    return packarray_complete(&array);
}

struct recovery_record *recovery_record_unpack(struct span packed, uint8_t pid[SESSION_ID_BYTES],
                                               const struct config *config, const char **error)
{
    struct recovery_record *record = NULL;
    msgpack_unpacked unpacked;
    size_t end = 0;

    msgpack_unpacked_init(&unpacked);
    *error = "it is no array of MessagePack";
    if (record_is_whole(packed) &&
        msgpack_unpack_next(&unpacked, packed.ptr, packed.len, &end) == MSGPACK_UNPACK_SUCCESS)
        record = record_read(&unpacked.data, config, error);
    if (record != NULL)
        memcpy(pid, unpacked.data.via.array.ptr[0].via.bin.ptr, SESSION_ID_BYTES);
    msgpack_unpacked_destroy(&unpacked);
    return record;
}
