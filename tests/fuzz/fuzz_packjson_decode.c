/* MessagePack: what is accepted is JSON, and is the same after it was written and read once more;
 * also as Socket.IO's packets. And the check before msgpack-c judges as msgpack-c does. */
#include <msgpack.h>

#include "fuzz.h"

#include "stentor/wire/packjson.h"
#include "stentor/wire/socket_io.h"

/* Are the placeholders in the text those of the attachments, and no maps that look like them? */
static bool has_placeholders(struct span json, size_t count)
{
    static const char name[] = "\"_placeholder\":";
    size_t len = sizeof(name) - 1, found = 0;

    for (size_t i = 0; i + len <= json.len; i++)
        found += memcmp(json.ptr + i, name, len) == 0;
    return found == count;
}

static void require_same_attachments(const struct packjson *a, const struct packjson *b)
{
    FUZZ_REQUIRE(a->attachment_count == b->attachment_count);
    for (size_t i = 0; i < a->attachment_count; i++) {
        FUZZ_REQUIRE(a->attachments[i]->len == b->attachments[i]->len);
        FUZZ_REQUIRE(
            memcmp(a->attachments[i]->data, b->attachments[i]->data, a->attachments[i]->len) == 0);
    }
}

static void check_value(const struct packjson *decoded)
{
    struct span json = {decoded->json.data, decoded->json.len};
    struct strbuf out = STRBUF_INIT;
    char json_error[JSON_MAX_ERROR];
    struct packjson again;
    const char *error;

    FUZZ_REQUIRE(json_text_valid(json.ptr, json.len, json_error));
    FUZZ_REQUIRE(decoded->attachment_count <= PACKJSON_MAX_ATTACHMENTS);
    packjson_encode(&out, json, decoded->attachments, decoded->attachment_count);
    FUZZ_REQUIRE(!out.failed);
    if (has_placeholders(json, decoded->attachment_count)) {
        FUZZ_REQUIRE(packjson_decode(&again, out.data, out.len, &error));
        FUZZ_REQUIRE(fuzz_same(&again.json, &decoded->json));
        require_same_attachments(&again, decoded);
        packjson_free(&again);
    }
    strbuf_free(&out);
}

static bool same_span(struct span a, struct span b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

static void check_packet(const struct socket_io_packet *packet, const struct packjson *decoded)
{
    struct strbuf out = STRBUF_INIT;
    struct socket_io_packet again;
    struct packjson twice;
    const char *error;

    FUZZ_REQUIRE(packet->type <= SOCKET_IO_CONNECT_ERROR);
    FUZZ_REQUIRE(packet->attachments == decoded->attachment_count);
    socket_io_append_msgpack(&out, packet, decoded->attachments, decoded->attachment_count);
    FUZZ_REQUIRE(!out.failed);
    if (has_placeholders(packet->data, decoded->attachment_count)) {
        FUZZ_REQUIRE(socket_io_parse_msgpack(out.data, out.len, &twice, &again, &error));
        FUZZ_REQUIRE(again.type == packet->type && again.has_ack == packet->has_ack);
        FUZZ_REQUIRE(again.ack == packet->ack && same_span(again.data, packet->data));
        FUZZ_REQUIRE(packet->namespace.len == 0 || same_span(again.namespace, packet->namespace));
        require_same_attachments(&twice, decoded);
        packjson_free(&twice);
    }
    strbuf_free(&out);
}

/* Does msgpack-c see one whole value too? Not asked when that could take much memory. */
static void check_against_msgpack_c(const char *text, size_t size, const char *error)
{
    bool whole = error == NULL || (strcmp(error, "the value is cut off") != 0 &&
                                   strcmp(error, "there are bytes behind the value") != 0);
    msgpack_unpacked unpacked;
    msgpack_unpack_return result;
    size_t used = 0;

    for (size_t i = 0; i < size; i++)
        if ((uint8_t)text[i] >= 0xdc && (uint8_t)text[i] <= 0xdf)
            return;
    msgpack_unpacked_init(&unpacked);
    result = msgpack_unpack_next(&unpacked, text, size, &used);
    if (result == MSGPACK_UNPACK_SUCCESS || result == MSGPACK_UNPACK_EXTRA_BYTES)
        FUZZ_REQUIRE(whole == (used == size));
    else if (result == MSGPACK_UNPACK_CONTINUE)
        FUZZ_REQUIRE(!whole);
    msgpack_unpacked_destroy(&unpacked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size);
    struct socket_io_packet packet;
    struct packjson decoded;
    const char *error = NULL;
    bool good = packjson_decode(&decoded, text, size, &error);

    if (good)
        check_value(&decoded);
    else
        FUZZ_REQUIRE(error != NULL);
    check_against_msgpack_c(text, size, good ? NULL : error);
    packjson_free(&decoded);
    if (socket_io_parse_msgpack(text, size, &decoded, &packet, &error))
        check_packet(&packet, &decoded);
    packjson_free(&decoded);
    free(text);
    return 0;
}
