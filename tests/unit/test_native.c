#include "unit.h"

#include "stentor/wire/native.h"

/* Parses an exact copy; the spans of `command` point into it, so it is given back. */
static char *parse(const char *text, struct native_command *command, bool *ok, const char **error)
{
    char *copy = unit_exact_copy(text, strlen(text));

    *error = NULL;
    *ok = native_parse(copy, strlen(text), command, error);
    return copy;
}

static void commands(void **state)
{
    static const struct {
        const char *text;
        enum native_command_type type;
        const char *room, *event, *data, *id;
    } cases[] = {
        {"{\"type\":\"join\",\"room\":\"a\",\"id\":1}", NATIVE_JOIN, "a", NULL, "", "1"},
        {"{\"type\":\"join\",\"room\":\"a\"}", NATIVE_JOIN, "a", NULL, "", ""},
        {"{\"type\":\"join\",\"room\":\"\"}", NATIVE_JOIN, "", NULL, "", ""},
        {"{\"type\":\"leave\",\"room\":\"b\",\"id\":\"x\"}", NATIVE_LEAVE, "b", NULL, "", "\"x\""},
        {"{\"type\":\"ping\"}", NATIVE_PING, NULL, NULL, "", ""},
        {"{\"type\":\"ping\",\"id\":{\"any\": [1]}}", NATIVE_PING, NULL, NULL, "",
         "{\"any\": [1]}"},
        {"{\"type\":\"ping\",\"id\":null}", NATIVE_PING, NULL, NULL, "", "null"},
        {"{\"type\":\"publish\",\"room\":\"a\",\"event\":\"e\",\"data\":{\"x\": 1.0},\"id\":2}",
         NATIVE_PUBLISH, "a", "e", "{\"x\": 1.0}", "2"},
        {"{\"type\":\"publish\",\"event\":\"e\"}", NATIVE_PUBLISH, NULL, "e", "", ""},
        {"{\"type\":\"publish\",\"room\":null,\"event\":\"e\",\"data\":null}", NATIVE_PUBLISH, NULL,
         "e", "null", ""},
        {"{\"type\":\"send\",\"to\":\"x\",\"event\":\"e\",\"data\":[1],\"id\":3}", NATIVE_SEND,
         NULL, "e", "[1]", "3"},
        {" { \"data\" : \"\\u00e4\" , \"event\" : \"\\u00e4\" , \"type\" : \"publish\" } ",
         NATIVE_PUBLISH, NULL, "\xc3\xa4", "\"\\u00e4\"", ""},
        {"{\"type\":\"join\",\"room\":\"a\",\"type\":\"leave\"}", NATIVE_LEAVE, "a", NULL, "", ""},
        {"{\"type\":\"ping\",\"unknown\":[1,2],\"room\":3}", NATIVE_PING, NULL, NULL, "", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct native_command command;
        const char *error;
        bool ok;
        char *copy = parse(cases[i].text, &command, &ok, &error);
        if (!ok)
            fail_msg("%s: %s", cases[i].text, error);
        assert_int_equal(command.type, cases[i].type);
        if (cases[i].room != NULL)
            assert_string_equal(command.room, cases[i].room);
        else
            assert_null(command.room);
        if (cases[i].event != NULL)
            assert_string_equal(command.event, cases[i].event);
        assert_span(command.data, cases[i].data);
        assert_span(command.id, cases[i].id);
        native_command_free(&command);
        assert_null(command.root);
        free(copy);
    }
}

static void malformed(void **state)
{
    static const struct {
        const char *text;
        const char *id; /* is found although the rest is wrong */
    } cases[] = {
        {"", ""},
        {"x", ""},
        {"[]", ""},
        {"null", ""},
        {"\"type\"", ""},
        {"{", ""},
        {"{\"type\":\"ping\"}}", ""},
        {"{\"type\":\"ping\"} {}", ""},
        {"{}", ""},
        {"{\"id\":7}", "7"},
        {"{\"type\":1,\"id\":7}", "7"},
        {"{\"type\":\"pong\",\"id\":7}", "7"},
        {"{\"type\":\"PING\"}", ""},
        {"{\"type\":\"ping\\u0000\"}", ""},
        {"{\"type\":\"auth\",\"id\":7}", "7"},
        {"{\"type\":\"auth\",\"key\":\"k\\u0000\"}", ""},
        {"{\"type\":\"join\",\"id\":7}", "7"},
        {"{\"type\":\"join\",\"room\":5,\"id\":[7]}", "[7]"},
        {"{\"type\":\"join\",\"room\":null}", ""},
        {"{\"type\":\"join\",\"room\":\"a\\u0000b\"}", ""},
        {"{\"type\":\"leave\",\"room\":[\"a\"]}", ""},
        {"{\"type\":\"publish\",\"room\":\"a\",\"id\":7}", "7"},
        {"{\"type\":\"publish\",\"room\":\"a\",\"event\":1}", ""},
        {"{\"type\":\"publish\",\"room\":\"a\",\"event\":\"a\\u0000\"}", ""},
        /* What was meant for one room must not go to everyone. */
        {"{\"type\":\"publish\",\"room\":5,\"event\":\"e\"}", ""},
        {"{\"type\":\"publish\",\"room\":[\"a\"],\"event\":\"e\"}", ""},
        {"{\"type\":\"publish\",\"room\":\"a\\u0000\",\"event\":\"e\",\"id\":8}", "8"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct native_command command;
        const char *error;
        bool ok;
        char *copy = parse(cases[i].text, &command, &ok, &error);
        if (ok)
            fail_msg("%s was accepted", cases[i].text);
        assert_non_null(error);
        assert_true(strlen(error) > 0);
        assert_span(command.id, cases[i].id);
        native_command_free(&command);
        free(copy);
    }
}

static void hello(void **state)
{
    struct strbuf out = STRBUF_INIT;

    (void)state;
    native_append_hello(&out, "c2Vzc2lvbg", "/a\"b", UINT64_C(1771234567890123));
    assert_strbuf(&out, "{\"type\":\"hello\",\"session\":\"c2Vzc2lvbg\",\"namespace\":\"/a\\\"b\","
                        "\"seq\":1771234567890123}");
    strbuf_free(&out);
}

static void message(void **state)
{
    static const struct {
        const char *room, *event, *args;
        size_t count;
        const char *text;
    } cases[] = {
        {"\"a\"", "e", "{\"x\":1}", 1, "\"room\":\"a\",\"event\":\"e\",\"data\":{\"x\":1}}"},
        {"null", "e", "null", 1, "\"room\":null,\"event\":\"e\",\"data\":null}"},
        {"[\"a\",\"b\"]", "e", "1", 1, "\"room\":[\"a\",\"b\"],\"event\":\"e\",\"data\":1}"},
        {"null", "\"\n", "", 0, "\"room\":null,\"event\":\"\\\"\\u000a\",\"args\":[]}"},
        {"null", "e", "1,\"x\"", 2, "\"room\":null,\"event\":\"e\",\"args\":[1,\"x\"]}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strbuf out = STRBUF_INIT;
        char expected[256], error[JSON_MAX_ERROR];
        native_append_message(&out, 9007199254740991, unit_span(cases[i].room), cases[i].event,
                              strlen(cases[i].event), unit_span(cases[i].args), cases[i].count);
        snprintf(expected, sizeof(expected), "{\"type\":\"message\",\"seq\":9007199254740991,%s",
                 cases[i].text);
        assert_strbuf(&out, expected);
        assert_true(json_text_valid(out.data, out.len, error));
        strbuf_free(&out);
    }
}

static void directed(void **state)
{
    struct strbuf out = STRBUF_INIT;

    (void)state;
    native_append_directed(&out, "c2Vzc2lvbg", unit_span("e\""), unit_span("{\"x\":1}"), 1);
    assert_strbuf(&out, "{\"type\":\"directed\",\"from\":\"c2Vzc2lvbg\",\"event\":\"e\\\"\","
                        "\"data\":{\"x\":1}}");
    strbuf_clear(&out);
    native_append_directed(&out, NULL, unit_span("e"), unit_span("1,2"), 2);
    assert_strbuf(&out, "{\"type\":\"directed\",\"from\":null,\"event\":\"e\",\"args\":[1,2]}");
    strbuf_free(&out);
}

static void neighbours(void **state)
{
    const char *const ids[NATIVE_DIRECTIONS] = {"n", NULL, "s\"", NULL};
    struct strbuf out = STRBUF_INIT;

    (void)state;
    native_append_neighbours(&out, "a\"", 1, 2, ids);
    assert_strbuf(&out, "{\"type\":\"neighbours\",\"room\":\"a\\\"\",\"cell\":{\"x\":1,\"y\":2},"
                        "\"north\":\"n\",\"east\":null,\"south\":\"s\\\"\",\"west\":null}");
    strbuf_free(&out);
}

static void auth(void **state)
{
    struct native_command command;
    const char *error;
    bool ok;
    char *copy = parse("{\"type\":\"auth\",\"key\":\"k\",\"id\":1}", &command, &ok, &error);

    (void)state;
    assert_true(ok);
    assert_int_equal(command.type, NATIVE_AUTH);
    assert_string_equal(command.key, "k");
    native_command_free(&command);
    free(copy);
}

static void gap(void **state)
{
    struct strbuf out = STRBUF_INIT;

    (void)state;
    native_append_gap(&out, "a\"", 3, 9);
    assert_strbuf(&out, "{\"type\":\"gap\",\"room\":\"a\\\"\",\"from\":3,\"to\":9}");
    strbuf_clear(&out);
    native_append_gap(&out, NULL, 3, 3);
    assert_strbuf(&out, "{\"type\":\"gap\",\"room\":null,\"from\":3,\"to\":3}");
    strbuf_free(&out);
}

static void answers(void **state)
{
    struct strbuf out = STRBUF_INIT;

    (void)state;
    native_append_ack(&out, (struct span){NULL, 0});
    assert_strbuf(&out, "{\"type\":\"ack\"}");
    strbuf_clear(&out);
    native_append_ack(&out, unit_span("[1]"));
    assert_strbuf(&out, "{\"type\":\"ack\",\"id\":[1]}");
    strbuf_clear(&out);
    native_append_error(&out, unit_span("\"x\""), "say \"no\"");
    assert_strbuf(&out, "{\"type\":\"error\",\"id\":\"x\",\"message\":\"say \\\"no\\\"\"}");
    strbuf_clear(&out);
    native_append_error(&out, (struct span){NULL, 0}, "no");
    assert_strbuf(&out, "{\"type\":\"error\",\"message\":\"no\"}");
    strbuf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands), cmocka_unit_test(malformed), cmocka_unit_test(hello),
        cmocka_unit_test(message),  cmocka_unit_test(directed),  cmocka_unit_test(neighbours),
        cmocka_unit_test(auth),     cmocka_unit_test(gap),       cmocka_unit_test(answers),
    };

    return cmocka_run_group_tests_name("native", tests, NULL, NULL);
}
