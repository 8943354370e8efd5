#include "unit.h"

#include "stentor/wire/socket_io.h"

struct sample {
    const char *text;
    enum socket_io_type type;
    unsigned attachments;
    const char *namespace;
    int64_t ack; /* -1: none */
    const char *data;
};

/* All packets of the protocol document, revision 5, and the forms around them. */
static const struct sample samples[] = {
    {"0", SOCKET_IO_CONNECT, 0, "/", -1, ""},
    {"0{\"token\":\"123\"}", SOCKET_IO_CONNECT, 0, "/", -1, "{\"token\":\"123\"}"},
    {"0/admin,", SOCKET_IO_CONNECT, 0, "/admin", -1, ""},
    {"0/admin", SOCKET_IO_CONNECT, 0, "/admin", -1, ""},
    {"0/admin,{\"token\":\"123\"}", SOCKET_IO_CONNECT, 0, "/admin", -1, "{\"token\":\"123\"}"},
    {"0{\"sid\":\"oSO0OpakMV_3jnilAAAA\"}", SOCKET_IO_CONNECT, 0, "/", -1,
     "{\"sid\":\"oSO0OpakMV_3jnilAAAA\"}"},
    {"0/admin,{\"sid\":\"oSO0OpakMV_3jnilAAAA\"}", SOCKET_IO_CONNECT, 0, "/admin", -1,
     "{\"sid\":\"oSO0OpakMV_3jnilAAAA\"}"},
    {"4{\"message\":\"Not authorized\"}", SOCKET_IO_CONNECT_ERROR, 0, "/", -1,
     "{\"message\":\"Not authorized\"}"},
    {"4/admin,{\"message\":\"Not authorized\"}", SOCKET_IO_CONNECT_ERROR, 0, "/admin", -1,
     "{\"message\":\"Not authorized\"}"},
    {"4\"Not authorized\"", SOCKET_IO_CONNECT_ERROR, 0, "/", -1, "\"Not authorized\""},
    {"2[\"foo\"]", SOCKET_IO_EVENT, 0, "/", -1, "[\"foo\"]"},
    {"2/admin,[\"bar\"]", SOCKET_IO_EVENT, 0, "/admin", -1, "[\"bar\"]"},
    {"212[\"foo\"]", SOCKET_IO_EVENT, 0, "/", 12, "[\"foo\"]"},
    {"2/admin,13[\"bar\"]", SOCKET_IO_EVENT, 0, "/admin", 13, "[\"bar\"]"},
    {"2[\"hello\",1]", SOCKET_IO_EVENT, 0, "/", -1, "[\"hello\",1]"},
    {"2/admin,456[\"project:delete\",123]", SOCKET_IO_EVENT, 0, "/admin", 456,
     "[\"project:delete\",123]"},
    {"3/admin,456[]", SOCKET_IO_ACK, 0, "/admin", 456, "[]"},
    {"312[\"bar\"]", SOCKET_IO_ACK, 0, "/", 12, "[\"bar\"]"},
    {"3/admin,13[\"bar\"]", SOCKET_IO_ACK, 0, "/admin", 13, "[\"bar\"]"},
    {"1", SOCKET_IO_DISCONNECT, 0, "/", -1, ""},
    {"1/admin,", SOCKET_IO_DISCONNECT, 0, "/admin", -1, ""},
    {"51-[\"baz\",{\"_placeholder\":true,\"num\":0}]", SOCKET_IO_BINARY_EVENT, 1, "/", -1,
     "[\"baz\",{\"_placeholder\":true,\"num\":0}]"},
    {"52-/admin,[\"baz\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]",
     SOCKET_IO_BINARY_EVENT, 2, "/admin", -1,
     "[\"baz\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]"},
    {"51-15[\"bar\",{\"_placeholder\":true,\"num\":0}]", SOCKET_IO_BINARY_EVENT, 1, "/", 15,
     "[\"bar\",{\"_placeholder\":true,\"num\":0}]"},
    {"61-15[\"bar\",{\"_placeholder\":true,\"num\":0}]", SOCKET_IO_BINARY_ACK, 1, "/", 15,
     "[\"bar\",{\"_placeholder\":true,\"num\":0}]"},
    {"61-/admin,456[{\"_placeholder\":true,\"num\":0}]", SOCKET_IO_BINARY_ACK, 1, "/admin", 456,
     "[{\"_placeholder\":true,\"num\":0}]"},
    /* at the limits, and what looks like something else */
    {"510-[\"x\"]", SOCKET_IO_BINARY_EVENT, 10, "/", -1, "[\"x\"]"},
    {"50-[\"x\"]", SOCKET_IO_BINARY_EVENT, 0, "/", -1, "[\"x\"]"},
    {"20[\"x\"]", SOCKET_IO_EVENT, 0, "/", 0, "[\"x\"]"},
    {"2999999999999999[\"x\"]", SOCKET_IO_EVENT, 0, "/", 999999999999999, "[\"x\"]"},
    {"2/,1[\"x\"]", SOCKET_IO_EVENT, 0, "/", 1, "[\"x\"]"},
    {"2[\"\"]", SOCKET_IO_EVENT, 0, "/", -1, "[\"\"]"},
    {"2[\"connected\"]", SOCKET_IO_EVENT, 0, "/", -1, "[\"connected\"]"},
    {"2[\"x\\u0000\"]", SOCKET_IO_EVENT, 0, "/", -1, "[\"x\\u0000\"]"},
    {"2 [\"x\"]", SOCKET_IO_EVENT, 0, "/", -1, " [\"x\"]"},
    {"3[]", SOCKET_IO_ACK, 0, "/", -1, "[]"},
    {"0/a,b", SOCKET_IO_CONNECT, 0, NULL, -1, NULL}, /* malformed data */
};

static void check_sample(const struct sample *sample)
{
    size_t len = strlen(sample->text);
    char *copy = unit_exact_copy(sample->text, len);
    struct socket_io_packet packet;
    const char *error = NULL;
    bool ok = socket_io_parse(copy, len, &packet, &error);

    if (ok != (sample->namespace != NULL))
        fail_msg("%s: %s", sample->text, error != NULL ? error : "was accepted");
    if (ok) {
        assert_int_equal(packet.type, sample->type);
        assert_int_equal(packet.attachments, sample->attachments);
        assert_span(packet.namespace, sample->namespace);
        assert_int_equal(packet.has_ack, sample->ack >= 0);
        if (packet.has_ack)
            assert_int_equal(packet.ack, sample->ack);
        assert_span(packet.data, sample->data);
    }
    free(copy);
}

static void protocol_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        check_sample(&samples[i]);
}

/* Head and data put together parse to the same packet again. */
static void round_trips(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        struct socket_io_packet packet, again;
        struct strbuf out = STRBUF_INIT;
        const char *error;
        if (!socket_io_parse(samples[i].text, strlen(samples[i].text), &packet, &error))
            continue;
        socket_io_append_head(&out, &packet);
        strbuf_append(&out, packet.data.ptr, packet.data.len);
        assert_true(socket_io_parse(out.data, out.len, &again, &error));
        assert_int_equal(again.type, packet.type);
        assert_int_equal(again.attachments, packet.attachments);
        assert_int_equal(again.has_ack, packet.has_ack);
        assert_int_equal(again.ack, packet.ack);
        assert_int_equal(again.namespace.len, packet.namespace.len);
        assert_memory_equal(again.namespace.ptr, packet.namespace.ptr, packet.namespace.len);
        assert_int_equal(again.data.len, packet.data.len);
        strbuf_free(&out);
    }
}

static void heads(void **state)
{
    static const struct {
        struct socket_io_packet packet;
        const char *head;
    } cases[] = {
        {{.type = SOCKET_IO_CONNECT, .namespace = {"/", 1}}, "0"},
        {{.type = SOCKET_IO_CONNECT, .namespace = {"/x", 2}}, "0/x,"},
        {{.type = SOCKET_IO_EVENT, .namespace = {"/", 1}, .has_ack = true, .ack = 7}, "27"},
        {{.type = SOCKET_IO_EVENT, .namespace = {NULL, 0}}, "2"},
        {{.type = SOCKET_IO_ACK, .namespace = {"/x", 2}, .has_ack = true, .ack = 0}, "3/x,0"},
        {{.type = SOCKET_IO_BINARY_EVENT, .attachments = 2, .namespace = {"/x", 2}}, "52-/x,"},
        {{.type = SOCKET_IO_BINARY_ACK,
          .attachments = 1,
          .namespace = {"/", 1},
          .has_ack = true,
          .ack = 999999999999999},
         "61-999999999999999"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strbuf out = STRBUF_INIT;
        socket_io_append_head(&out, &cases[i].packet);
        assert_strbuf(&out, cases[i].head);
        strbuf_free(&out);
    }
}

static void malformed(void **state)
{
    static const char *const texts[] = {
        "",
        "7",
        "9",
        "a",
        "-",
        "/",
        " 2[\"x\"]",
        "[\"x\"]",
        /* data that the type does not have */
        "0[]",
        "0\"x\"",
        "0{",
        "0{}x",
        "0/admin,[]",
        "1{}",
        "1[]",
        "1/admin,{}",
        "4",
        "4[]",
        "41",
        "4/admin",
        "3",
        "3{}",
        "3\"x\"",
        "3/admin,456",
        "61-",
        "61-{}",
        /* events */
        "2",
        "2{}",
        "2[]",
        "2\"x\"",
        "2[1]",
        "2[null]",
        "2[[\"x\"]]",
        "2[\"x\"",
        "2[\"x\"]]",
        "2[\"x\",]",
        "2/admin",
        "2/admin,",
        "2/admin[\"x\"]",
        "2[\"\xff\"]",
        "212",
        "51-",
        "51-[]",
        /* reserved names */
        "2[\"connect\"]",
        "2[\"connect_error\"]",
        "2[\"disconnect\"]",
        "2[\"disconnecting\"]",
        "2[\"newListener\"]",
        "2[\"removeListener\"]",
        "2/x,1[\"disconnect\",1]",
        "51-[\"connect\",{\"_placeholder\":true,\"num\":0}]",
        "2[\"\\u0063onnect\"]",
        /* numbers */
        "5[\"x\"]",
        "51[\"x\"]",
        "5-[\"x\"]",
        "511-[\"x\"]",
        "5-1-[\"x\"]",
        "51",
        "5",
        "6",
        "61",
        "6[\"x\"]",
        "599999999999999999999999-[\"x\"]",
        "51.0-[\"x\"]",
        "5+1-[\"x\"]",
        "518446744073709551617-[\"x\"]",
        "51\xe2\x80\x93[\"x\"]",
        "29999999999999999[\"x\"]",
        "218446744073709551617[\"x\"]",
        "2-1[\"x\"]",
        "21.5[\"x\"]",
        "50001-[\"x\"]x",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size_t len = strlen(texts[i]);
        char *copy = unit_exact_copy(texts[i], len);
        struct socket_io_packet packet;
        const char *error = NULL;
        if (socket_io_parse(copy, len, &packet, &error))
            fail_msg("\"%s\" was accepted", texts[i]);
        assert_non_null(error);
        free(copy);
    }
}

static void nul_is_no_payload(void **state)
{
    static const char text[] = "2[\"x\",1\0]";
    struct socket_io_packet packet;
    const char *error;

    (void)state;
    assert_false(socket_io_parse(text, sizeof(text) - 1, &packet, &error));
    assert_string_equal(error, "bad payload");
}

/* No prefix of a good packet may be read beyond its end. */
static void prefixes_are_safe(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        for (size_t len = 0; len <= strlen(samples[i].text); len++) {
            char *copy = unit_exact_copy(samples[i].text, len);
            struct socket_io_packet packet;
            const char *error;
            bool ok = socket_io_parse(copy, len, &packet, &error);
            assert_true(ok || error != NULL);
            free(copy);
        }
    }
}

static void reserved_names(void **state)
{
    (void)state;
    assert_true(socket_io_event_reserved("connect", 7));
    assert_true(socket_io_event_reserved("connect_error", 13));
    assert_true(socket_io_event_reserved("disconnect", 10));
    assert_true(socket_io_event_reserved("disconnecting", 13));
    assert_true(socket_io_event_reserved("newListener", 11));
    assert_true(socket_io_event_reserved("removeListener", 14));
    assert_false(socket_io_event_reserved("", 0));
    assert_false(socket_io_event_reserved("connec", 6));
    assert_false(socket_io_event_reserved("connected", 9));
    assert_false(socket_io_event_reserved("Connect", 7));
    assert_false(socket_io_event_reserved("newlistener", 11));
    assert_false(socket_io_event_reserved("error", 5));
    assert_false(socket_io_event_reserved("message", 7));
}

/* Packets for the MessagePack parser. */
struct packed {
    const char *hex;
    enum socket_io_type type;
    const char *namespace;
    int64_t ack; /* -1: none */
    const char *data;
    unsigned attachments;
};

/* The first ones were written by notepack.io 2.2.0, for socket.io-msgpack-parser. */
static const struct packed packed[] = {
    {"83 a474797065 00 a464617461 d40000 a36e7370 a12f", SOCKET_IO_CONNECT, "/", -1, "", 0},
    {"83 a474797065 00 a464617461 81a5746f6b656ea3313233 a36e7370 a62f61646d696e",
     SOCKET_IO_CONNECT, "/admin", -1, "{\"token\":\"123\"}", 0},
    {"84 a474797065 02 a464617461 94a568656c6c6f01a677c3b6726c64c0 a76f7074696f6e73"
     "81a8636f6d7072657373c3 a36e7370 a12f",
     SOCKET_IO_EVENT, "/", -1, "[\"hello\",1,\"w\xc3\xb6rld\",null]", 0},
    {"85 a474797065 02 a464617461 93a466696c65c40301020381a162c400 a76f7074696f6e73"
     "81a8636f6d7072657373c3 a26964 0c a36e7370 a12f",
     SOCKET_IO_EVENT, "/", 12,
     "[\"file\",{\"_placeholder\":true,\"num\":0},{\"b\":{\"_placeholder\":true,\"num\":1}}]", 2},
    {"83 a474797065 02 a464617461 93a26162c702000908c7010007 a36e7370 a12f", SOCKET_IO_EVENT, "/",
     -1, "[\"ab\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]", 2},
    {"84 a474797065 03 a464617461 9181a26f6bc3 a26964 00 a36e7370 a22f78", SOCKET_IO_ACK, "/x", 0,
     "[{\"ok\":true}]", 0},
    {"83 a474797065 01 a36e7370 a12f a464617461 d40000", SOCKET_IO_DISCONNECT, "/", -1, "", 0},
    {"83 a474797065 04 a464617461 81a76d657373616765ae4e6f7420617574686f72697a6564 a36e7370"
     "a62f61646d696e",
     SOCKET_IO_CONNECT_ERROR, "/admin", -1, "{\"message\":\"Not authorized\"}", 0},
    {"84 a474797065 02 a464617461 92a3666f6f81a1619201ff a36e7370 a62f61646d696e a26964 cd01c8",
     SOCKET_IO_EVENT, "/admin", 456, "[\"foo\",{\"a\":[1,-1]}]", 0},
    /* others */
    {"82 a474797065 00 a36e7370 a12f", SOCKET_IO_CONNECT, "/", -1, "", 0},
    {"82 a474797065 01 a36e7370 a12f", SOCKET_IO_DISCONNECT, "/", -1, "", 0},
    {"84 a474797065 03 a464617461 90 a26964 cf00038d7ea4c67fff a36e7370 a12f", SOCKET_IO_ACK, "/",
     999999999999999, "[]", 0},
    {"83 a474797065 03 a464617461 91c0 a36e7370 a12f", SOCKET_IO_ACK, "/", -1, "[null]", 0},
    {"84 a474797065 02 a464617461 91a178 a26964 c0 a36e7370 a12f", SOCKET_IO_EVENT, "/", -1,
     "[\"x\"]", 0},
    {"84 a474797065 02 a464617461 91a178 a26964 d40000 a36e7370 a12f", SOCKET_IO_EVENT, "/", -1,
     "[\"x\"]", 0},
    {"83 a474797065 04 a464617461 a178 a36e7370 a12f", SOCKET_IO_CONNECT_ERROR, "/", -1, "\"x\"",
     0},
    {"83 a474797065 cf0000000000000002 a464617461 91a178 a36e7370 a5 2fc3bc2c31", SOCKET_IO_EVENT,
     "/\xc3\xbc,1", -1, "[\"x\"]", 0},
    {"84 a474797065 00 a474797065 02 a464617461 91a178 a36e7370 a12f", SOCKET_IO_EVENT, "/", -1,
     "[\"x\"]", 0}, /* of keys with one name the last one counts */
    {"84 01 02 a474797065 02 a464617461 91a178 a36e7370 a12f", SOCKET_IO_EVENT, "/", -1, "[\"x\"]",
     0},
};

static bool parse_hex(const char *hex, struct packjson *decoded, struct socket_io_packet *packet,
                      const char **error)
{
    struct strbuf bytes = STRBUF_INIT;
    void *copy;
    bool good;

    unit_unhex(&bytes, hex);
    copy = unit_exact_copy(bytes.data, bytes.len);
    *error = NULL;
    good = socket_io_parse_msgpack(copy, bytes.len, decoded, packet, error);
    free(copy);
    strbuf_free(&bytes);
    return good;
}

static void check_packed(const struct packed *expected, const struct socket_io_packet *packet)
{
    assert_int_equal(packet->type, expected->type);
    assert_span(packet->namespace, expected->namespace);
    assert_int_equal(packet->has_ack, expected->ack >= 0);
    if (packet->has_ack)
        assert_int_equal(packet->ack, expected->ack);
    assert_span(packet->data, expected->data);
    assert_int_equal(packet->attachments, expected->attachments);
}

static void packed_packets(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(packed); i++) {
        struct socket_io_packet packet;
        struct packjson decoded;
        const char *error;
        if (!parse_hex(packed[i].hex, &decoded, &packet, &error))
            fail_msg("%s: %s", packed[i].hex, error);
        check_packed(&packed[i], &packet);
        assert_int_equal(decoded.attachment_count, packed[i].attachments);
        packjson_free(&decoded);
    }
}

/* What is written is read as the same packet. */
static void packed_round_trips(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(packed); i++) {
        struct socket_io_packet packet, again;
        struct packjson decoded, twice;
        struct strbuf out = STRBUF_INIT;
        const char *error;
        assert_true(parse_hex(packed[i].hex, &decoded, &packet, &error));
        socket_io_append_msgpack(&out, &packet, decoded.attachments, decoded.attachment_count);
        assert_false(out.failed);
        if (!socket_io_parse_msgpack(out.data, out.len, &twice, &again, &error))
            fail_msg("%s: %s", packed[i].hex, error);
        check_packed(&packed[i], &again);
        for (size_t k = 0; k < twice.attachment_count; k++) {
            assert_int_equal(twice.attachments[k]->len, decoded.attachments[k]->len);
            assert_memory_equal(twice.attachments[k]->data, decoded.attachments[k]->data,
                                twice.attachments[k]->len);
        }
        packjson_free(&decoded);
        packjson_free(&twice);
        strbuf_free(&out);
    }
}

static void packets_are_packed(void **state)
{
    static const struct {
        struct socket_io_packet packet;
        const char *hex;
    } cases[] = {
        {{.type = SOCKET_IO_CONNECT, .namespace = {"/", 1}, .data = {"{\"sid\":\"abc\"}", 13}},
         "83 a474797065 00 a36e7370 a12f a464617461 81a3736964a3616263"},
        {{.type = SOCKET_IO_DISCONNECT, .namespace = {"/admin", 6}},
         "82 a474797065 01 a36e7370 a62f61646d696e"},
        {{.type = SOCKET_IO_CONNECT_ERROR,
          .namespace = {"/", 1},
          .data = {"{\"message\":\"x\"}", 15}},
         "83 a474797065 04 a36e7370 a12f a464617461 81a76d657373616765a178"},
        {{.type = SOCKET_IO_EVENT, .namespace = {"/", 1}, .data = {"[\"foo\"]", 7}},
         "83 a474797065 02 a36e7370 a12f a464617461 91a3666f6f"},
        {{.type = SOCKET_IO_EVENT, .namespace = {NULL, 0}, .data = {"[\"foo\"]", 7}},
         "83 a474797065 02 a36e7370 a12f a464617461 91a3666f6f"},
        {{.type = SOCKET_IO_EVENT,
          .namespace = {"/a\"\\\n", 5},
          .has_ack = true,
          .ack = 999999999999999,
          .data = {"[\"foo\"]", 7}},
         "84 a474797065 02 a36e7370 a52f61225c0a a26964 cf00038d7ea4c67fff a464617461 91a3666f6f"},
        {{.type = SOCKET_IO_ACK,
          .namespace = {"/", 1},
          .has_ack = true,
          .ack = 0,
          .data = {"[]", 2}},
         "84 a474797065 03 a36e7370 a12f a26964 00 a464617461 90"},
        /* this parser has no types of their own for binary data */
        {{.type = SOCKET_IO_BINARY_EVENT,
          .attachments = 1,
          .namespace = {"/", 1},
          .data = {"[\"foo\",{\"_placeholder\":true,\"num\":0}]", 37}},
         "83 a474797065 02 a36e7370 a12f a464617461 92a3666f6fc4020102"},
        {{.type = SOCKET_IO_BINARY_ACK,
          .attachments = 1,
          .namespace = {"/", 1},
          .has_ack = true,
          .ack = 7,
          .data = {"[{\"_placeholder\":true,\"num\":0}]", 31}},
         "84 a474797065 03 a36e7370 a12f a26964 07 a464617461 91c4020102"},
    };
    struct refbuf *attachment = refbuf_copy("\1\2", 2);

    (void)state;
    assert_non_null(attachment);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strbuf out = STRBUF_INIT;
        socket_io_append_msgpack(&out, &cases[i].packet, &attachment, cases[i].packet.attachments);
        assert_false(out.failed);
        assert_hex(out.data, out.len, cases[i].hex);
        strbuf_free(&out);
    }
    refbuf_unref(&attachment);
}

static void malformed_packed(void **state)
{
    static const struct {
        const char *hex;
        const char *error;
    } cases[] = {
        {"", "the value is cut off"},
        {"c1", "it is not MessagePack"},
        {"83 a474797065", "the value is cut off"},
        {"82 a474797065 01 a36e7370 a12f 00", "there are bytes behind the value"},
        {"c0", "a packet is a map"},
        {"02", "a packet is a map"},
        {"90", "a packet is a map"},
        {"a17b", "a packet is a map"},
        {"d40000", "a packet is a map"},
        {"80", "unknown packet type"},
        {"81 a36e7370 a12f", "unknown packet type"},
        {"82 a474797065 05 a36e7370 a12f", "unknown packet type"},
        {"82 a474797065 06 a36e7370 a12f", "unknown packet type"},
        {"82 a474797065 ff a36e7370 a12f", "unknown packet type"},
        {"82 a474797065 a130 a36e7370 a12f", "unknown packet type"},
        {"82 a474797065 c0 a36e7370 a12f", "unknown packet type"},
        {"82 a474797065 cb3fe0000000000000 a36e7370 a12f", "unknown packet type"},
        {"82 a474797065 cf0000000100000000 a36e7370 a12f", "unknown packet type"},
        {"82 a474797065 cfffffffffffffffff a36e7370 a12f", "unknown packet type"},
        {"81 a474797065 00", "bad namespace"},
        {"82 a474797065 00 a36e7370 c0", "bad namespace"},
        {"82 a474797065 00 a36e7370 01", "bad namespace"},
        {"82 a474797065 00 a36e7370 91a12f", "bad namespace"},
        {"82 a474797065 00 a36e7370 a22f22", "bad namespace"},
        {"82 a474797065 00 a36e7370 a22f5c", "bad namespace"},
        {"82 a474797065 00 a36e7370 a22f00", "bad namespace"},
        {"84 a474797065 02 a464617461 91a178 a26964 ff a36e7370 a12f", "bad acknowledgement id"},
        {"84 a474797065 02 a464617461 91a178 a26964 a131 a36e7370 a12f", "bad acknowledgement id"},
        {"84 a474797065 02 a464617461 91a178 a26964 c3 a36e7370 a12f", "bad acknowledgement id"},
        {"84 a474797065 02 a464617461 91a178 a26964 cb3fe0000000000000 a36e7370 a12f",
         "bad acknowledgement id"},
        {"84 a474797065 02 a464617461 91a178 a26964 cf00038d7ea4c68000 a36e7370 a12f",
         "bad acknowledgement id"},
        {"84 a474797065 02 a464617461 91a178 a26964 cfffffffffffffffff a36e7370 a12f",
         "bad acknowledgement id"},
        {"83 a474797065 00 a464617461 90 a36e7370 a12f", "bad payload"},
        {"83 a474797065 00 a464617461 a178 a36e7370 a12f", "bad payload"},
        {"83 a474797065 01 a464617461 80 a36e7370 a12f", "bad payload"},
        {"82 a474797065 02 a36e7370 a12f", "bad payload"},
        {"83 a474797065 02 a464617461 80 a36e7370 a12f", "bad payload"},
        {"83 a474797065 02 a464617461 90 a36e7370 a12f", "bad payload"},
        {"83 a474797065 02 a464617461 9101 a36e7370 a12f", "bad payload"},
        {"83 a474797065 02 a464617461 91c40178 a36e7370 a12f", "bad payload"},
        {"83 a474797065 02 a464617461 91a7636f6e6e656374 a36e7370 a12f", "bad payload"},
        {"83 a474797065 03 a464617461 a178 a36e7370 a12f", "bad payload"},
        {"82 a474797065 03 a36e7370 a12f", "bad payload"},
        {"82 a474797065 04 a36e7370 a12f", "bad payload"},
        {"83 a474797065 04 a464617461 01 a36e7370 a12f", "bad payload"},
        {"83 a474797065 04 a464617461 90 a36e7370 a12f", "bad payload"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct socket_io_packet packet;
        struct packjson decoded;
        const char *error;
        if (parse_hex(cases[i].hex, &decoded, &packet, &error))
            fail_msg("%s was accepted", cases[i].hex);
        assert_non_null(error);
        if (strcmp(error, cases[i].error) != 0)
            fail_msg("%s: got \"%s\", expected \"%s\"", cases[i].hex, error, cases[i].error);
        packjson_free(&decoded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(protocol_samples),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(heads),
        cmocka_unit_test(malformed),
        cmocka_unit_test(nul_is_no_payload),
        cmocka_unit_test(prefixes_are_safe),
        cmocka_unit_test(reserved_names),
        cmocka_unit_test(packed_packets),
        cmocka_unit_test(packed_round_trips),
        cmocka_unit_test(packets_are_packed),
        cmocka_unit_test(malformed_packed),
    };

    return cmocka_run_group_tests_name("socket_io", tests, NULL, NULL);
}
