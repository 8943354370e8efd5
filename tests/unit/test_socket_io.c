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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(protocol_samples),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(heads),
        cmocka_unit_test(malformed),
        cmocka_unit_test(prefixes_are_safe),
        cmocka_unit_test(reserved_names),
    };

    return cmocka_run_group_tests_name("socket_io", tests, NULL, NULL);
}
