/* Socket.IO packets: what was parsed and is written again parses to the same packet. */
#include "fuzz.h"

#include "stentor/wire/socket_io.h"

static bool same_span(struct span a, struct span b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

static void check_packet(const struct socket_io_packet *packet, const char *text, size_t size)
{
    struct strbuf out = STRBUF_INIT;
    struct socket_io_packet again;
    const char *error;
    char json_error[JSON_MAX_ERROR];

    FUZZ_REQUIRE(packet->namespace.len > 0 && packet->namespace.ptr[0] == '/');
    FUZZ_REQUIRE(packet->attachments <= SOCKET_IO_MAX_ATTACHMENTS);
    FUZZ_REQUIRE(packet->data.ptr >= text && packet->data.ptr + packet->data.len == text + size);
    FUZZ_REQUIRE(packet->data.len == 0 ||
                 json_text_valid(packet->data.ptr, packet->data.len, json_error));
    socket_io_append_head(&out, packet);
    strbuf_append(&out, packet->data.ptr, packet->data.len);
    FUZZ_REQUIRE(socket_io_parse(out.data, out.len, &again, &error));
    FUZZ_REQUIRE(again.type == packet->type && again.attachments == packet->attachments);
    FUZZ_REQUIRE(again.has_ack == packet->has_ack && again.ack == packet->ack);
    FUZZ_REQUIRE(same_span(again.namespace, packet->namespace));
    FUZZ_REQUIRE(same_span(again.data, packet->data));
    strbuf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size);
    struct socket_io_packet packet;
    const char *error = NULL;

    if (socket_io_parse(text, size, &packet, &error))
        check_packet(&packet, text, size);
    else
        FUZZ_REQUIRE(error != NULL);
    free(text);
    return 0;
}
