#include "unit.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packet_types),
        cmocka_unit_test(open_packet),
        cmocka_unit_test(refusals),
    };

    return cmocka_run_group_tests_name("engine_io", tests, NULL, NULL);
}
