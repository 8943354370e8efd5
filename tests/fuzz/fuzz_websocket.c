/*
 * WebSocket frames. The first byte chooses direction, compression and limit, the second where the
 * rest is cut. The rest in one piece and in pieces gives the same messages and the same result,
 * also when the reader is replaced whenever it says that it is idle; and each message that was
 * read, written again and read by the other side, is the same message.
 */
#include "fuzz.h"

#include "stentor/wire/websocket.h"

struct reading {
    const struct ws_reader_config *config;
    struct strbuf log;
};

static int note(void *arg, enum ws_opcode opcode, const uint8_t *payload, size_t len)
{
    struct reading *reading = arg;
    uint64_t size = len;

    FUZZ_REQUIRE(len <= (opcode >= WS_CLOSE ? WS_MAX_CONTROL : reading->config->max_message));
    FUZZ_REQUIRE(opcode != WS_TEXT || utf8_valid(payload, len));
    strbuf_append_char(&reading->log, (char)opcode);
    strbuf_append(&reading->log, &size, sizeof(size));
    strbuf_append(&reading->log, payload, len);
    return opcode == WS_CLOSE ? -1 : 0; /* what follows a close frame is not to be read */
}

static int read_at_once(struct reading *reading, const uint8_t *data, size_t len)
{
    uint8_t *copy = fuzz_copy(data, len);
    struct ws_reader reader;
    int result;

    ws_reader_init(&reader);
    result = ws_reader_feed(&reader, reading->config, copy, len, note, reading);
    ws_reader_free(&reader);
    free(copy);
    return result;
}

static int read_pieces(struct reading *reading, const uint8_t *data, size_t len, uint32_t seed)
{
    struct ws_reader reader;
    int result = 0;

    ws_reader_init(&reader);
    for (size_t pos = 0; pos < len && result == 0;) {
        size_t piece = fuzz_piece(&seed, len - pos);
        uint8_t *copy = fuzz_copy(data + pos, piece);
        result = ws_reader_feed(&reader, reading->config, copy, piece, note, reading);
        free(copy);
        pos += piece;
        if (ws_reader_idle(&reader)) {
            ws_reader_free(&reader);
            ws_reader_init(&reader);
        }
    }
    ws_reader_free(&reader);
    return result;
}

/* Writes the messages of a log again, as this side or the other would send them. */
static struct strbuf write_again(const struct strbuf *log, bool masked)
{
    static const uint8_t mask[4] = {0xde, 0xad, 0xbe, 0xef};
    struct strbuf out = STRBUF_INIT;

    for (size_t pos = 0; pos < log->len;) {
        enum ws_opcode opcode = (enum ws_opcode)log->data[pos];
        uint64_t len;
        memcpy(&len, log->data + pos + 1, sizeof(len));
        pos += 1 + sizeof(len);
        if (masked)
            ws_append_masked_frame(&out, opcode, log->data + pos, len, mask);
        else
            ws_append_frame(&out, opcode, false, log->data + pos, len);
        pos += len;
    }
    return out;
}

static void check_write(const struct reading *first, bool from_client)
{
    struct ws_reader_config config = *first->config;
    struct reading again = {&config, STRBUF_INIT};
    struct strbuf bytes = write_again(&first->log, from_client);

    config.from_client = from_client;
    int result = read_at_once(&again, (uint8_t *)bytes.data, bytes.len);
    FUZZ_REQUIRE(result == 0 || result == -1);
    FUZZ_REQUIRE(fuzz_same(&first->log, &again.log));
    strbuf_free(&bytes);
    strbuf_free(&again.log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct inflater *inflater;

    if (size < 2)
        return 0;
    if (inflater == NULL)
        inflater = inflater_new();
    struct ws_reader_config config = {
        .max_message = data[0] & 4 ? 16 : 65536,
        .from_client = (data[0] & 1) != 0,
        .inflater = data[0] & 2 ? inflater : NULL,
    };
    struct reading whole = {&config, STRBUF_INIT}, pieces = {&config, STRBUF_INIT};
    int result = read_at_once(&whole, data + 2, size - 2);
    FUZZ_REQUIRE(read_pieces(&pieces, data + 2, size - 2, data[1]) == result);
    FUZZ_REQUIRE(fuzz_same(&whole.log, &pieces.log));
    FUZZ_REQUIRE(result == 0 || result == -1 || result == WS_CODE_PROTOCOL_ERROR ||
                 result == WS_CODE_INVALID_DATA || result == WS_CODE_TOO_BIG);
    check_write(&whole, false);
    check_write(&whole, true);
    strbuf_free(&whole.log);
    strbuf_free(&pieces.log);
    return 0;
}
