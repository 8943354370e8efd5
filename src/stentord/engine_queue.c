#include "engine_queue.h"

#include <stdint.h>
#include <string.h>

struct engine_queue_record {
    uint32_t len;
    uint8_t type;
    bool binary;
};

bool engine_queue_add(struct strbuf *queue, const struct engine_io_packet *packet)
{
    const struct engine_queue_record record = {
        .len = (uint32_t)packet->data.len,
        .type = (uint8_t)packet->type,
        .binary = packet->binary,
    };

    strbuf_append(queue, &record, sizeof(record));
    strbuf_append(queue, packet->data.ptr, packet->data.len);
    return !queue->failed;
}

bool engine_queue_next(const struct strbuf *queue, size_t *pos, struct engine_io_packet *packet)
{
    struct engine_queue_record record;

    if (*pos >= queue->len)
        return false;
    memcpy(&record, queue->data + *pos, sizeof(record));
    *packet = (struct engine_io_packet){
        .type = (enum engine_io_type)record.type,
        .binary = record.binary,
        .data = {queue->data + *pos + sizeof(record), record.len},
    };
    *pos += sizeof(record) + record.len;
    return true;
}

static bool engine_queue_has_binary(const struct strbuf *queue, size_t max)
{
    struct engine_io_packet packet;
    size_t pos = 0;

    for (size_t i = 0; i < max && engine_queue_next(queue, &pos, &packet); i++)
        if (packet.binary)
            return true;
    return false;
}

void engine_queue_drain(struct strbuf *queue, enum engine_io_payload form, size_t max,
                        struct strbuf *payload)
{
    struct engine_io_packet packet;
    size_t pos = 0;

    if (form == ENGINE_IO_PAYLOAD_3_BINARY && !engine_queue_has_binary(queue, max))
        form = ENGINE_IO_PAYLOAD_3;
    for (size_t i = 0; i < max && engine_queue_next(queue, &pos, &packet); i++)
        engine_io_append_packet(payload, form, &packet);
    strbuf_consume(queue, pos);
    if (queue->len == 0)
        strbuf_free(queue);
}
