/*
 * What a message looks like in each dialect, to the byte.
 */
#include "unit.h"

#include "../../src/stentord/encoder.h"
#include "stentor/wire/websocket.h"

static char *namespaces[] = {"/", "/vote"};
static struct config config = {.namespaces = namespaces, .namespace_count = 2};
static struct stats stats;

/* The payloads of all frames, each followed by a line feed, deflated ones inflated. */
struct frames {
    struct strbuf text;
    unsigned count;
};

static int collect(void *arg, enum ws_opcode opcode, const uint8_t *payload, size_t len)
{
    struct frames *frames = arg;

    strbuf_append_char(&frames->text, opcode == WS_BINARY ? 'B' : 'T');
    strbuf_append(&frames->text, payload, len);
    strbuf_append_char(&frames->text, '\n');
    frames->count++;
    return 0;
}

static void assert_encoding(const struct publication *publication, enum dialect dialect,
                            const char *expected)
{
    struct inflater *inflater = inflater_new();
    const struct ws_reader_config reader_config = {.max_message = 1 << 20, .inflater = inflater};
    struct message *message = message_new(publication, 2);
    struct encoder encoder;
    struct ws_reader reader;
    struct frames frames = {STRBUF_INIT, 0};
    uint64_t built = stats_get(&stats.encodings[dialect]);

    encoder_init(&encoder, &config, &stats);
    ws_reader_init(&reader);
    message->seq = 7;
    struct refbuf *encoding = message_encoding(message, dialect, &encoder);
    assert_ptr_equal(message_encoding(message, dialect, &encoder), encoding);
    assert_int_equal(stats_get(&stats.encodings[dialect]), built + 1); /* once, however often */
    struct refbuf *copy = refbuf_copy(encoding->data, encoding->len);
    assert_int_equal(
        ws_reader_feed(&reader, &reader_config, copy->data, copy->len, collect, &frames), 0);
    assert_true(ws_reader_idle(&reader));
    assert_strbuf(&frames.text, expected);
    refbuf_unref(&copy);
    strbuf_free(&frames.text);
    ws_reader_free(&reader);
    message_unref(&message);
    encoder_destroy(&encoder);
    inflater_free(&inflater);
}

static void assert_both(const struct publication *publication, const char *native,
                        const char *socketio)
{
    assert_encoding(publication, DIALECT_NATIVE, native);
    assert_encoding(publication, DIALECT_NATIVE_DEFLATE, native);
    assert_encoding(publication, DIALECT_SOCKETIO, socketio);
    assert_encoding(publication, DIALECT_SOCKETIO_DEFLATE, socketio);
}

static void test_everyone(void **state)
{
    (void)state;
    assert_both(
        &(struct publication){.event = {"e\"", 2}, .args = {"{\"x\": 1.0}", 10}, .arg_count = 1},
        "T{\"type\":\"message\",\"seq\":7,\"room\":null,\"event\":\"e\\\"\",\"data\":{\"x\": "
        "1.0}}\n",
        "T42[\"e\\\"\",{\"x\": 1.0}]\n");
}

static void test_rooms_and_namespace(void **state)
{
    const struct span rooms[] = {{"a", 1}, {"\xc3\xa4", 2}};

    (void)state;
    assert_both(&(struct publication){.namespace = 1,
                                      .rooms = rooms,
                                      .room_count = 1,
                                      .event = {"e", 1},
                                      .args = {"1", 1},
                                      .arg_count = 1},
                "T{\"type\":\"message\",\"seq\":7,\"room\":\"a\",\"event\":\"e\",\"data\":1}\n",
                "T42/vote,[\"e\",1]\n");
    assert_both(
        &(struct publication){
            .rooms = rooms, .room_count = 2, .event = {"e", 1}, .args = {"1,2", 3}, .arg_count = 2},
        "T{\"type\":\"message\",\"seq\":7,\"room\":[\"a\",\"\xc3\xa4\"],\"event\":\"e\","
        "\"args\":[1,2]}\n",
        "T42[\"e\",1,2]\n");
}

static void test_no_arguments(void **state)
{
    (void)state;
    assert_both(&(struct publication){.event = {"e", 1}},
                "T{\"type\":\"message\",\"seq\":7,\"room\":null,\"event\":\"e\",\"args\":[]}\n",
                "T42[\"e\"]\n");
}

static void test_attachments(void **state)
{
    static const char args[] = "{\"_placeholder\":true,\"num\":1},[99999999999999999999],"
                               "{\"p\":{\"_placeholder\":true,\"num\":0}}";
    struct refbuf *attachments[] = {refbuf_copy("hello", 5), refbuf_copy("\1\2", 2)};

    (void)state;
    assert_both(&(struct publication){.event = {"e", 1},
                                      .args = {args, sizeof(args) - 1},
                                      .arg_count = 3,
                                      .attachments = attachments,
                                      .attachment_count = 2},
                "T{\"type\":\"message\",\"seq\":7,\"room\":null,\"event\":\"e\","
                "\"args\":[{\"base64\":\"AQI=\"},[1e20],{\"p\":{\"base64\":\"aGVsbG8=\"}}]}\n",
                "T452-[\"e\",{\"_placeholder\":true,\"num\":1},[99999999999999999999],"
                "{\"p\":{\"_placeholder\":true,\"num\":0}}]\nBhello\nB\1\2\n");
    refbuf_unref(&attachments[0]);
    refbuf_unref(&attachments[1]);
}

static void test_directed(void **state)
{
    static const char args[] = "{\"_placeholder\":true,\"num\":0}";
    struct refbuf *attachment = refbuf_copy("hello", 5);
    const struct publication publication = {.event = {"e", 1},
                                            .args = {args, sizeof(args) - 1},
                                            .arg_count = 1,
                                            .attachments = &attachment,
                                            .attachment_count = 1};
    struct message *message = message_new(&publication, 0);
    struct strbuf out = STRBUF_INIT;

    (void)state;
    encoder_socketio_directed(message, "id", &out);
    assert_strbuf(&out, "[\"e\",{\"_placeholder\":true,\"num\":0},{\"from\":\"id\"}]");
    strbuf_clear(&out);
    encoder_native_directed(message, NULL, true, &out);
    assert_strbuf(&out, "{\"type\":\"directed\",\"from\":null,\"event\":\"e\","
                        "\"data\":{\"base64\":\"aGVsbG8=\"}}");
    strbuf_clear(&out);
    encoder_native_directed(message, "id", false, &out);
    assert_strbuf(&out, "{\"type\":\"directed\",\"from\":\"id\",\"event\":\"e\","
                        "\"data\":{\"_placeholder\":true,\"num\":0}}");
    strbuf_clear(&out);
    encoder_native_directed_sse(message, &out);
    assert_strbuf(&out, "event: e\ndata: {\"base64\":\"aGVsbG8=\"}\n\n");
    strbuf_free(&out);
    message_unref(&message);
    refbuf_unref(&attachment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everyone),     cmocka_unit_test(test_rooms_and_namespace),
        cmocka_unit_test(test_no_arguments), cmocka_unit_test(test_attachments),
        cmocka_unit_test(test_directed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
