#include "unit.h"

#include "stentor/base/utf8.h"
#include "stentor/wire/engine_io.h"

static void packet_types(void **state)
{
    (void)state;
    for (int c = -128; c < 128; c++)
        assert_int_equal(engine_io_type_valid((char)c), c >= '0' && c <= '6');
}

static void open_packet(void **state)
{
    struct engine_io_handshake handshake = {"lv_VI97HAXpY6yYWAAAC", false, 25000, 20000, 1000000};
    struct strbuf out = STRBUF_INIT;
    char error[JSON_MAX_ERROR];

    (void)state;
    engine_io_append_open(&out, &handshake);
    assert_strbuf(&out, "{\"sid\":\"lv_VI97HAXpY6yYWAAAC\",\"upgrades\":[],\"pingInterval\":25000,"
                        "\"pingTimeout\":20000,\"maxPayload\":1000000}");
    assert_true(json_text_valid(out.data, out.len, error));
    strbuf_free(&out);
}

static void open_packet_with_upgrade(void **state)
{
    struct engine_io_handshake handshake = {"abc", true, 300, 200, SIZE_MAX};
    struct strbuf out = STRBUF_INIT;

    (void)state;
    engine_io_append_open(&out, &handshake);
    assert_strbuf(&out, "{\"sid\":\"abc\",\"upgrades\":[\"websocket\"],\"pingInterval\":300,"
                        "\"pingTimeout\":200,\"maxPayload\":18446744073709551615}");
    strbuf_free(&out);
}

static void refusals(void **state)
{
    static const char *const bodies[] = {
        "{\"code\":0,\"message\":\"Transport unknown\"}",
        "{\"code\":1,\"message\":\"Session ID unknown\"}",
        "{\"code\":2,\"message\":\"Bad handshake method\"}",
        "{\"code\":3,\"message\":\"Bad request\"}",
        "{\"code\":4,\"message\":\"Forbidden\"}",
        "{\"code\":5,\"message\":\"Unsupported protocol version\"}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct strbuf out = STRBUF_INIT;
        engine_io_append_error(&out, (enum engine_io_error)i);
        assert_strbuf(&out, bodies[i]);
        strbuf_free(&out);
    }
}

static void text_packets(void **state)
{
    struct engine_io_packet packet;

    (void)state;
    for (char type = '0'; type <= '6'; type++) {
        char text[] = {type, 'p', 'r', 'o', 'b', 'e'};
        for (size_t len = 1; len <= sizeof(text); len++) {
            char *copy = unit_exact_copy(text, len);
            memset(&packet, 0xff, sizeof(packet));
            assert_true(engine_io_parse_text((struct span){copy, len}, &packet));
            assert_int_equal(packet.type, type);
            assert_false(packet.binary);
            assert_int_equal(packet.data.len, len - 1);
            assert_memory_equal(packet.data.ptr, "probe", len - 1);
            free(copy);
        }
    }
    assert_false(engine_io_parse_text(unit_span(""), &packet));
    assert_false(engine_io_parse_text(unit_span("7"), &packet));
    assert_false(engine_io_parse_text(unit_span("b4AA"), &packet));
    assert_false(engine_io_parse_text(unit_span(" 4"), &packet));
    assert_false(engine_io_parse_text((struct span){"\0", 1}, &packet));
    assert_false(engine_io_parse_text(unit_span("\x1e"
                                                "4a"),
                                      &packet));
}

/* Lists what a payload holds: type and data of each packet, binary data as hexadecimal digits
 * behind "x"; with ';' behind each, and "!" where it is not a payload any more. */
static void list_packets(struct strbuf *list, enum engine_io_payload form, struct span payload)
{
    char *copy = unit_exact_copy(payload.ptr, payload.len);
    struct engine_io_packet packet;
    struct engine_io_reader reader;
    enum engine_io_result result;

    strbuf_clear(list);
    engine_io_reader_init(&reader, form, (struct span){copy, payload.len});
    while ((result = engine_io_reader_next(&reader, &packet)) == ENGINE_IO_PACKET) {
        strbuf_printf(list, "%c%s", packet.type, packet.binary ? "x" : "");
        if (!packet.binary)
            strbuf_append(list, packet.data.ptr, packet.data.len);
        for (size_t i = 0; packet.binary && i < packet.data.len; i++)
            strbuf_printf(list, "%02x", (unsigned char)packet.data.ptr[i]);
        strbuf_append_char(list, ';');
    }
    if (result == ENGINE_IO_FAILED)
        strbuf_append_char(list, '!');
    engine_io_reader_free(&reader);
    free(copy);
}

static void check_payload(enum engine_io_payload form, const char *payload, const char *expected)
{
    struct strbuf list = STRBUF_INIT;

    list_packets(&list, form, unit_span(payload));
    if (strcmp(strbuf_cstr(&list), expected) != 0)
        fail_msg("%s: got %s, expected %s", payload, strbuf_cstr(&list), expected);
    strbuf_free(&list);
}

static void check_binary_payload(const char *hex, const char *expected)
{
    struct strbuf list = STRBUF_INIT, payload = STRBUF_INIT;

    unit_unhex(&payload, hex);
    list_packets(&list, ENGINE_IO_PAYLOAD_3_BINARY, (struct span){payload.data, payload.len});
    if (strcmp(strbuf_cstr(&list), expected) != 0)
        fail_msg("%s: got %s, expected %s", hex, strbuf_cstr(&list), expected);
    strbuf_free(&list);
    strbuf_free(&payload);
}

/* The packets that the payloads below consist of. */
static const struct engine_io_packet packets[] = {
    {ENGINE_IO_MESSAGE, false, {"hello", 5}},
    {ENGINE_IO_MESSAGE, false, {"\xe2\x82\xacuro \xf0\x9f\x98\x80", 11}},
    {ENGINE_IO_PING, false, {"probe", 5}},
    {ENGINE_IO_NOOP, false, {"", 0}},
    {ENGINE_IO_MESSAGE, true, {"\0\xff\x10", 3}},
    {ENGINE_IO_MESSAGE, true, {"", 0}},
};

#define ALL_PACKETS "4hello;4\xe2\x82\xacuro \xf0\x9f\x98\x80;2probe;6;4x00ff10;4x;"

static void append_all(struct strbuf *out, enum engine_io_payload form)
{
    strbuf_clear(out);
    for (size_t i = 0; i < ARRAY_LEN(packets); i++)
        engine_io_append_packet(out, form, &packets[i]);
}

/* As engine.io-parser 5 and 2.2.1 write these packets. */
static void payloads_as_engine_io_writes_them(void **state)
{
    static const char payload_4[] = "4hello\x1e"
                                    "4\xe2\x82\xacuro \xf0\x9f\x98\x80\x1e"
                                    "2probe\x1e"
                                    "6\x1e"
                                    "bAP8Q\x1e"
                                    "b";
    static const char payload_3[] = "6:4hello8:4\xe2\x82\xacuro \xf0\x9f\x98\x80"
                                    "6:2probe1:66:b4AP8Q2:b4";
    static const char payload_3_binary[] =
        "0006ff3468656c6c6f 000102ff34e282ac75726f20f09f9880 0006ff3270726f6265 0001ff36"
        "0104ff0400ff10 0101ff04";
    struct strbuf out = STRBUF_INIT;

    (void)state;
    append_all(&out, ENGINE_IO_PAYLOAD_4);
    assert_int_equal(engine_io_payload_skip(ENGINE_IO_PAYLOAD_4), 1);
    assert_int_equal(out.data[0], ENGINE_IO_SEPARATOR);
    assert_bytes(out.data + 1, out.len - 1, payload_4);
    check_payload(ENGINE_IO_PAYLOAD_4, payload_4, ALL_PACKETS);
    append_all(&out, ENGINE_IO_PAYLOAD_3);
    assert_int_equal(engine_io_payload_skip(ENGINE_IO_PAYLOAD_3), 0);
    assert_strbuf(&out, payload_3);
    check_payload(ENGINE_IO_PAYLOAD_3, payload_3, ALL_PACKETS);
    append_all(&out, ENGINE_IO_PAYLOAD_3_BINARY);
    assert_int_equal(engine_io_payload_skip(ENGINE_IO_PAYLOAD_3_BINARY), 0);
    assert_hex(out.data, out.len, payload_3_binary);
    check_binary_payload(payload_3_binary, ALL_PACKETS);
    strbuf_free(&out);
}

static void payloads_of_protocol_4(void **state)
{
    static const struct {
        const char *payload;
        const char *packets;
    } cases[] = {
        {"", ""},
        {"4", "4;"},
        {"4a", "4a;"},
        {"1", "1;"},
        {"3\x1e"
         "1",
         "3;1;"},
        {"4:1:a", "4:1:a;"},
        {"4b", "4b;"},
        {"b", "4x;"},
        {"bAAA=", "4x0000;"},
        {"bAAA", "4x0000;"},
        {"bAA==\x1e"
         "4a",
         "4x00;4a;"},
        {"b+/+/", "4xfbffbf;"},
        /* what is good before a mistake is read */
        {"\x1e", "!"},
        {"4a\x1e", "4a;!"},
        {"\x1e"
         "4a",
         "!"},
        {"4a\x1e\x1e"
         "4b",
         "4a;!"},
        {"4a\x1e"
         "7b\x1e"
         "4c",
         "4a;!"},
        {"abc", "!"},
        {"7", "!"},
        {"/", "!"},
        {"b=", "!"},
        {"bA", "!"},
        {"bAA=", "!"},
        {"bA===", "!"},
        {"b====", "!"},
        {"bA*A=", "!"},
        {"bAA A", "!"},
        {"b-_-_", "!"},
        {"4a\x1e"
         "bA",
         "4a;!"},
        {"{\"a\":1}", "!"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_payload(ENGINE_IO_PAYLOAD_4, cases[i].payload, cases[i].packets);
}

static void payloads_of_protocol_3(void **state)
{
    static const struct {
        const char *payload;
        const char *packets;
    } cases[] = {
        {"", ""},
        {"1:4", "4;"},
        {"2:4a", "4a;"},
        {"02:4a", "4a;"},
        {"000000002:4a", "4a;"},
        {"1:21:3", "2;3;"},
        {"4:4:1:", "4:1:;"},
        {"3:4\n\x1e", "4\n\x1e;"},
        /* lengths are those of JavaScript */
        {"2:4\xc3\xbc", "4\xc3\xbc;"},
        {"2:4\xe2\x82\xac", "4\xe2\x82\xac;"},
        {"3:4\xf0\x9f\x98\x80", "4\xf0\x9f\x98\x80;"},
        {"3:4\xf0\x9f\x98\x80"
         "1:6",
         "4\xf0\x9f\x98\x80;6;"},
        {"2:4\xf0\x9f\x98\x80", "!"}, /* half a pair */
        {"4:4\xf0\x9f\x98\x80", "!"},
        {"3:4\xe2\x82\xac", "!"},
        /* binary data */
        {"2:b4", "4x;"},
        {"6:b4AAA=", "4x0000;"},
        {"5:b4AAA", "4x0000;"},
        {"6:b4AAAA1:6", "4x000000;6;"},
        {"1:b", "!"},
        {"2:b2", "!"},
        {"2:bA", "!"},
        {"3:b4A", "!"},
        {"6:b4A*A=", "!"},
        /* mistakes */
        {"0:", "!"},
        {"1", "!"},
        {"1:", "!"},
        {"2:4", "!"},
        {"1:7", "!"},
        {":4", "!"},
        {"4a", "!"},
        {"-1:4", "!"},
        {"+1:4", "!"},
        {" 1:4", "!"},
        {"1 :4", "!"},
        {"1:42", "4;!"},
        {"1:4:", "4;!"},
        {"1:42:4", "4;!"},
        {"1:4x", "4;!"},
        {"999999999:4", "!"},
        {"0000000001:4", "!"},
        {"18446744073709551617:4", "!"},
        {"99999999999999999999999999999999:4", "!"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_payload(ENGINE_IO_PAYLOAD_3, cases[i].payload, cases[i].packets);
}

static void binary_payloads_of_protocol_3(void **state)
{
    static const struct {
        const char *hex;
        const char *packets;
    } cases[] = {
        {"", ""},
        {"0001ff34", "4;"},
        {"0002ff3461", "4a;"},
        {"000002ff3461", "4a;"},
        {"0003ff34c3bc", "4\xc3\xbc;"}, /* lengths are those of bytes here */
        {"0101ff04", "4x;"},
        {"0103ff04ff00", "4xff00;"},
        {"0101ff04 0001ff36", "4x;6;"},
        {"010100ff 04 00000000000000000000", "4x000000000000000000;!"},
        {"010101ff 04 00000000000000000000", "4x00000000000000000000;"},
        /* mistakes */
        {"00", "!"},
        {"01", "!"},
        {"0001", "!"},
        {"0001ff", "!"},
        {"0002ff34", "!"},
        {"00ff34", "!"},
        {"0000ff", "!"},
        {"0100ff", "!"},
        {"0201ff04", "!"},
        {"0101ff02", "!"}, /* no other packet has binary data */
        {"0101ff34", "!"},
        {"0001ff04", "!"},
        {"0001ff37", "!"},
        {"0002ff34ff", "!"},
        {"00000afe", "!"},
        {"000a34", "!"},
        {"0001fe34", "!"},
        {"00090909090909090909ff34", "!"},
        {"0000000000000000000001ff34", "!"},
        {"0001ff3434", "4;!"},
        {"0001ff34 00", "4;!"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_binary_payload(cases[i].hex, cases[i].packets);
}

/* Packets are cut nowhere without notice, and nothing is read behind the end. */
static void payloads_cut_anywhere(void **state)
{
    struct strbuf out = STRBUF_INIT, list = STRBUF_INIT;

    (void)state;
    for (int form = ENGINE_IO_PAYLOAD_4; form <= ENGINE_IO_PAYLOAD_3_BINARY; form++) {
        size_t skip = engine_io_payload_skip((enum engine_io_payload)form), whole = 0;
        append_all(&out, (enum engine_io_payload)form);
        for (size_t len = 0; len <= out.len - skip; len++) {
            list_packets(&list, (enum engine_io_payload)form, (struct span){out.data + skip, len});
            if (form == ENGINE_IO_PAYLOAD_4 ||
                (form == ENGINE_IO_PAYLOAD_3 && !utf8_valid(out.data, len)))
                continue; /* without lengths a shorter text is another text */
            if (list.len == 0 || list.data[list.len - 1] != '!') {
                whole++;
                assert_memory_equal(strbuf_cstr(&list), ALL_PACKETS, list.len);
            }
        }
        assert_int_equal(whole, form == ENGINE_IO_PAYLOAD_4 ? 0 : ARRAY_LEN(packets) + 1);
    }
    strbuf_free(&out);
    strbuf_free(&list);
}

/* Data of every length around the places where base64 and the length's digits change. */
static void payloads_of_many_lengths(void **state)
{
    enum { MOST = 1100 };
    struct strbuf out = STRBUF_INIT;
    struct engine_io_reader reader;
    struct engine_io_packet got;
    char data[MOST];

    (void)state;
    for (size_t i = 0; i < MOST; i++)
        data[i] = (char)('a' + i % 26);
    for (size_t i = 0; i < 6 * (size_t)MOST; i++) {
        enum engine_io_payload form = (enum engine_io_payload)(i % 3);
        struct engine_io_packet packet = {ENGINE_IO_MESSAGE, i % 6 < 3, {data, i / 6}};
        strbuf_clear(&out);
        engine_io_append_packet(&out, form, &packet);
        engine_io_append_packet(&out, form, &packets[3]);
        engine_io_reader_init(&reader, form,
                              (struct span){out.data + engine_io_payload_skip(form),
                                            out.len - engine_io_payload_skip(form)});
        assert_int_equal(engine_io_reader_next(&reader, &got), ENGINE_IO_PACKET);
        assert_int_equal(got.type, ENGINE_IO_MESSAGE);
        assert_int_equal(got.binary, packet.binary);
        assert_int_equal(got.data.len, i / 6);
        assert_memory_equal(got.data.ptr, data, i / 6);
        assert_int_equal(engine_io_reader_next(&reader, &got), ENGINE_IO_PACKET);
        assert_int_equal(got.type, ENGINE_IO_NOOP);
        assert_int_equal(engine_io_reader_next(&reader, &got), ENGINE_IO_END);
        assert_int_equal(engine_io_reader_next(&reader, &got), ENGINE_IO_END);
        engine_io_reader_free(&reader);
    }
    strbuf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packet_types),
        cmocka_unit_test(open_packet),
        cmocka_unit_test(open_packet_with_upgrade),
        cmocka_unit_test(refusals),
        cmocka_unit_test(text_packets),
        cmocka_unit_test(payloads_as_engine_io_writes_them),
        cmocka_unit_test(payloads_of_protocol_4),
        cmocka_unit_test(payloads_of_protocol_3),
        cmocka_unit_test(binary_payloads_of_protocol_3),
        cmocka_unit_test(payloads_cut_anywhere),
        cmocka_unit_test(payloads_of_many_lengths),
    };

    return cmocka_run_group_tests_name("engine_io", tests, NULL, NULL);
}
