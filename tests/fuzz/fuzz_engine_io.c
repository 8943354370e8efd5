/* Engine.IO payloads in their three forms: what was read and is written again reads as the same
 * packets; and so does what was put together from packets of any content. */
#include "fuzz.h"

#include "stentor/base/utf8.h"
#include "stentor/wire/engine_io.h"

enum { FORMS = 3, MAX_PACKETS = 64 };

/* Packets with data of their own. */
struct packets {
    struct engine_io_packet list[MAX_PACKETS];
    size_t count;
};

static void add(struct packets *packets, const struct engine_io_packet *packet)
{
    struct engine_io_packet *copy = &packets->list[packets->count];

    if (packets->count == MAX_PACKETS)
        return;
    *copy = *packet;
    copy->data.ptr = fuzz_copy(packet->data.ptr, packet->data.len);
    packets->count++;
}

static void clear(struct packets *packets)
{
    for (size_t i = 0; i < packets->count; i++)
        free((void *)(uintptr_t)packets->list[i].data.ptr);
    packets->count = 0;
}

/* False when it is no payload; the packets before the mistake are there nevertheless. */
static bool read_all(struct packets *packets, enum engine_io_payload form, struct span payload)
{
    char *copy = fuzz_copy(payload.ptr, payload.len);
    enum engine_io_result result;
    struct engine_io_packet packet;
    struct engine_io_reader reader;

    engine_io_reader_init(&reader, form, (struct span){copy, payload.len});
    while ((result = engine_io_reader_next(&reader, &packet)) == ENGINE_IO_PACKET) {
        FUZZ_REQUIRE(engine_io_type_valid((char)packet.type));
        FUZZ_REQUIRE(!packet.binary || packet.type == ENGINE_IO_MESSAGE);
        FUZZ_REQUIRE(packet.binary || utf8_valid(packet.data.ptr, packet.data.len));
        add(packets, &packet);
    }
    engine_io_reader_free(&reader);
    free(copy);
    return result == ENGINE_IO_END;
}

static void require_same(const struct packets *a, const struct packets *b)
{
    FUZZ_REQUIRE(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct engine_io_packet *p = &a->list[i], *q = &b->list[i];
        FUZZ_REQUIRE(p->type == q->type && p->binary == q->binary && p->data.len == q->data.len);
        FUZZ_REQUIRE(memcmp(p->data.ptr, q->data.ptr, p->data.len) == 0);
    }
}

/* In protocol 4 text with a separator in it cannot be said. */
static bool can_be_said(const struct packets *packets, enum engine_io_payload form)
{
    for (size_t i = 0; i < packets->count; i++) {
        const struct engine_io_packet *packet = &packets->list[i];
        if (form == ENGINE_IO_PAYLOAD_4 && !packet->binary &&
            memchr(packet->data.ptr, ENGINE_IO_SEPARATOR, packet->data.len) != NULL)
            return false;
    }
    return true;
}

static void check_round_trip(const struct packets *packets, enum engine_io_payload form)
{
    size_t skip = engine_io_payload_skip(form);
    struct packets again = {.count = 0};
    struct strbuf out = STRBUF_INIT;

    if (packets->count == 0 || !can_be_said(packets, form))
        return;
    for (size_t i = 0; i < packets->count; i++)
        engine_io_append_packet(&out, form, &packets->list[i]);
    FUZZ_REQUIRE(!out.failed && out.len > skip);
    FUZZ_REQUIRE(form == ENGINE_IO_PAYLOAD_3_BINARY || utf8_valid(out.data, out.len));
    FUZZ_REQUIRE(read_all(&again, form, (struct span){out.data + skip, out.len - skip}));
    require_same(packets, &again);
    clear(&again);
    strbuf_free(&out);
}

static void check_forms(const struct packets *packets)
{
    for (int form = 0; form < FORMS; form++)
        check_round_trip(packets, (enum engine_io_payload)form);
}

/* Packets from pieces of the input: binary, or text if it is UTF-8. */
static void check_pieces(const char *text, size_t len, uint32_t seed)
{
    struct packets packets = {.count = 0};

    for (size_t pos = 0; pos < len;) {
        size_t piece = fuzz_piece(&seed, len - pos);
        struct engine_io_packet packet = {
            .type = (enum engine_io_type)(ENGINE_IO_OPEN + (unsigned char)text[pos] % 7),
            .data = {text + pos + 1, piece - 1},
        };
        packet.binary =
            !utf8_valid(packet.data.ptr, packet.data.len) || (unsigned char)text[pos] >= 0x80;
        if (packet.binary)
            packet.type = ENGINE_IO_MESSAGE;
        add(&packets, &packet);
        pos += piece;
    }
    check_forms(&packets);
    clear(&packets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct packets packets = {.count = 0};
    enum engine_io_payload form;
    struct span payload;

    if (size < 1)
        return 0;
    form = (enum engine_io_payload)(data[0] % FORMS);
    payload = (struct span){(const char *)data + 1, size - 1};
    if (form == ENGINE_IO_PAYLOAD_3_BINARY || utf8_valid(payload.ptr, payload.len)) {
        read_all(&packets, form, payload);
        check_forms(&packets);
        clear(&packets);
    }
    check_pieces(payload.ptr, payload.len, data[0]);
    return 0;
}
