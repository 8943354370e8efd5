#include "unit.h"

#include <jansson.h>

static void valid_texts(void **state)
{
    static const char *const texts[] = {
        "null",
        "true",
        "0",
        "-1.5e3",
        "\"x\"",
        "[]",
        "{}",
        " [1 , 2]\r\n\t",
        "\"\\u0000\"",
        "\"\\ud83d\\udce3\"",
        "\"\xc3\xbc\xc3\x9f\"",
        "{\"a\":{\"b\":[{\"c\":null}]}}",
        "12345678901234567890123456789",
        "{\"a\":1,\"a\":2}",
    };
    char error[JSON_MAX_ERROR];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!json_text_valid(texts[i], strlen(texts[i]), error))
            fail_msg("%s: %s", texts[i], error);
}

static void invalid_texts(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "nul",
        "nulll",
        "[1,]",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "[1 2]",
        "[",
        "]",
        "{\"a\":1",
        "1 2",
        "\"open",
        "\"\\x\"",
        "\"a\nb\"",
        "'x'",
        "01",
        "+1",
        ".5",
        "1.",
        "NaN",
        "\"\xff\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "[1]x",
        "\xef\xbb\xbf[]",
    };
    char error[JSON_MAX_ERROR];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        memset(error, '#', sizeof(error));
        if (json_text_valid(texts[i], strlen(texts[i]), error))
            fail_msg("%s was accepted", texts[i]);
        assert_non_null(memchr(error, '\0', sizeof(error)));
        assert_true(strlen(error) > 0);
    }
}

static void length_counts_not_nul(void **state)
{
    char error[JSON_MAX_ERROR];

    (void)state;
    assert_true(json_text_valid("[1]garbage", 3, error));
    assert_false(json_text_valid("[1]\0", 4, error));
    assert_false(json_text_valid("\"a\0b\"", 5, error));
}

/* A NUL character is no JSON, wherever it stands; parsers in browsers would refuse the text. */
static void nul_is_no_json(void **state)
{
    static const char text[] = " [ 1 , true , null , -1.5e3 , \"a\" , { \"b\" : 2 } ] ";
    char error[JSON_MAX_ERROR];
    char copy[sizeof(text)];
    json_t *tree = json_load_text(text, sizeof(text) - 1);

    (void)state;
    assert_non_null(tree);
    json_decref(tree);
    assert_true(json_text_valid(text, sizeof(text) - 1, error));
    for (size_t at = 0; at < sizeof(text); at++) { /* one more character, at every place */
        memcpy(copy, text, at);
        copy[at] = '\0';
        memcpy(copy + at + 1, text + at, sizeof(text) - 1 - at);
        memset(error, '#', sizeof(error));
        assert_false(json_text_valid(copy, sizeof(copy), error));
        assert_memory_equal(error, "byte ", 5);
        assert_null(json_load_text(copy, sizeof(copy)));
    }
    assert_null(json_load_text("", 0));
    assert_null(json_load_text("[1", 2));
    assert_false(json_text_valid("null\0", 5, error));
}

static void error_says_where(void **state)
{
    char error[JSON_MAX_ERROR];

    (void)state;
    assert_false(json_text_valid("{\n \"a\": tru\n}", 13, error));
    assert_non_null(strstr(error, "line 2"));
    assert_non_null(strstr(error, "tru"));
}

/* A long token in the text must not make the message overflow. */
static void error_fits(void **state)
{
    char error[JSON_MAX_ERROR];
    char text[2000];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_false(json_text_valid(text, sizeof(text), error));
    assert_true(strlen(error) < JSON_MAX_ERROR);
}

static void nesting_has_an_end(void **state)
{
    enum { DEPTH = 100000 };
    char *text = malloc(2 * DEPTH);
    char error[JSON_MAX_ERROR];

    (void)state;
    assert_non_null(text);
    memset(text, '[', DEPTH);
    memset(text + DEPTH, ']', DEPTH);
    assert_false(json_text_valid(text, 2 * DEPTH, error));
    assert_true(json_text_valid(text + DEPTH - 500, 1000, error));
    free(text);
}

static void trim(void **state)
{
    (void)state;
    assert_span(json_trim(unit_span(" \t\r\n x y \n")), "x y");
    assert_span(json_trim(unit_span("x")), "x");
    assert_span(json_trim(unit_span("  ")), "");
    assert_span(json_trim(unit_span("")), "");
    assert_span(json_trim(unit_span("\v1\f")), "\v1\f"); /* not white space in JSON */
}

/* The elements of an array, with '|' behind each. */
static void list_elements(struct strbuf *out, const char *text)
{
    size_t len = strlen(text), pos = 0;
    char *copy = unit_exact_copy(text, len);
    struct span element;

    strbuf_clear(out);
    while (json_array_next((struct span){copy, len}, &pos, &element)) {
        strbuf_append(out, element.ptr, element.len);
        strbuf_append_char(out, '|');
    }
    free(copy);
}

static void array_elements(void **state)
{
    static const struct {
        const char *text;
        const char *elements;
    } cases[] = {
        {"[]", ""},
        {" [ ] ", ""},
        {"[1]", "1|"},
        {" [ 1 , 2 ,3]", "1|2|3|"},
        {"[\"a,b\",\"]\",\"[\",\"{\"]", "\"a,b\"|\"]\"|\"[\"|\"{\"|"},
        {"[\"\\\"\",\"\\\\\",\"\\\\\\\"]\"]", "\"\\\"\"|\"\\\\\"|\"\\\\\\\"]\"|"},
        {"[[1,[2,[]]],{\"a\":[1,{\"b\":\"]}\"}]},null]",
         "[1,[2,[]]]|{\"a\":[1,{\"b\":\"]}\"}]}|null|"},
        {"[[],[]]", "[]|[]|"},
        {"[{},{}]", "{}|{}|"},
        {"[-1.5e+3,true,false,null,\"\"]", "-1.5e+3|true|false|null|\"\"|"},
        {"[\n1\n,\r\n\t\"x\" , [ 1 , 2 ] \n]", "1|\"x\"|[ 1 , 2 ]|"},
        {"[\"event\",{\"_placeholder\":true,\"num\":0}]",
         "\"event\"|{\"_placeholder\":true,\"num\":0}|"},
    };
    struct strbuf out = STRBUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        list_elements(&out, cases[i].text);
        assert_strbuf(&out, cases[i].elements);
    }
    strbuf_free(&out);
}

static void end_of_array_stays(void **state)
{
    struct span array = unit_span("[1]"), element;
    size_t pos = 0;

    (void)state;
    assert_true(json_array_next(array, &pos, &element));
    assert_false(json_array_next(array, &pos, &element));
    assert_false(json_array_next(array, &pos, &element));
}

static void object_members(void **state)
{
    static const struct {
        const char *text;
        const char *value; /* of "a"; NULL: there is none */
    } cases[] = {
        {"{}", NULL},
        {" { } ", NULL},
        {"{\"a\":1}", "1"},
        {" { \"a\" : 1 } ", "1"},
        {"{\"b\":1}", NULL},
        {"{\"aa\":1}", NULL},
        {"{\"A\":1}", NULL},
        {"{\"\":1,\"a\":2}", "2"},
        {"{\"b\":{\"a\":1}}", NULL}, /* a member of a member is none */
        {"{\"b\":{\"a\":1},\"a\":2}", "2"},
        {"{\"b\":[{\"a\":1}],\"c\":\"a\"}", NULL},
        {"{\"b\":\"\\\"a\\\":1\",\"a\":[1,2]}", "[1,2]"},
        {"{\"a\":1,\"a\":2}", "2"}, /* the last one counts */
        {"{\"a\":{\"a\":1},\"b\":2,\"a\":\"x\",\"c\":3}", "\"x\""},
        {"{\"a\":\"}\",\"b\":\"{\"}", "\"}\""},
        {"{\n\t\"b\":1,\r\n\t\"a\":\n{ \"x\" : [ ] }\n}", "{ \"x\" : [ ] }"},
        {"{\"a\":null}", "null"},
        {"{\"a\":\"\"}", "\"\""},
        {"{\"\\u0061\":1}", "1"}, /* the same name, written in another way */
        {"{\"a\":1,\"\\u0061\":2}", "2"},
        {"{\"a\\u0000\":1}", NULL},
        {"{\"\\\\u0061\":1}", NULL},
        {"{\"a\\\\\":1,\"\\\"a\":2}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].text);
        char *copy = unit_exact_copy(cases[i].text, len);
        struct span value = {NULL, 0};
        bool found = json_object_find((struct span){copy, len}, "a", &value);
        if (found != (cases[i].value != NULL))
            fail_msg("%s", cases[i].text);
        if (found)
            assert_span(value, cases[i].value);
        free(copy);
    }
}

static void object_names_of_any_form(void **state)
{
    struct span object = unit_span("{\"room/1\":1,\"ro\\u006fm\\/2\":2,\"R\\u006FOM\":3}"), value;

    (void)state;
    assert_true(json_object_find(object, "room/1", &value));
    assert_span(value, "1");
    assert_true(json_object_find(object, "room/2", &value));
    assert_span(value, "2");
    assert_true(json_object_find(object, "RoOM", &value));
    assert_span(value, "3");
    assert_false(json_object_find(object, "room", &value));
    assert_false(json_object_find(object, "room/22", &value));
}

/* The members of an object: name, '=', value, '|'. */
static void all_members(void **state)
{
    static const struct {
        const char *text;
        const char *members;
    } cases[] = {
        {"{}", ""},
        {" \t{ \r\n} ", ""},
        {"{\"a\":1}", "\"a\"=1|"},
        {" { \"a\" : 1 , \"b\" : 2 } ", "\"a\"=1|\"b\"=2|"},
        {"{\"a\":1,\"a\":2,\"\":3}", "\"a\"=1|\"a\"=2|\"\"=3|"},
        {"{\"a\":{},\"b\":[],\"c\":\"\"}", "\"a\"={}|\"b\"=[]|\"c\"=\"\"|"},
        {"{\"a\":{\"b\":{\"c\":[{}]}},\"d\":[[],{\"e\":1}]}",
         "\"a\"={\"b\":{\"c\":[{}]}}|\"d\"=[[],{\"e\":1}]|"},
        {"{\"}\":\"{\",\":\":\",\",\"\\\"\":\"\\\\\"}",
         "\"}\"=\"{\"|\":\"=\",\"|\"\\\"\"=\"\\\\\"|"},
        {"{\n\"a\"\n:\n-1.5e+3\n,\n\"b\"\t:null}", "\"a\"=-1.5e+3|\"b\"=null|"},
        {"{\"\\u0061\":\"\\ud83d\\udce3\"}", "\"\\u0061\"=\"\\ud83d\\udce3\"|"},
        {"{\"\xc3\xbc\":true}", "\"\xc3\xbc\"=true|"},
    };
    struct strbuf out = STRBUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].text), pos = 0;
        char *copy = unit_exact_copy(cases[i].text, len);
        struct span name, value;
        strbuf_clear(&out);
        while (json_object_next((struct span){copy, len}, &pos, &name, &value)) {
            strbuf_append(&out, name.ptr, name.len);
            strbuf_append_char(&out, '=');
            strbuf_append(&out, value.ptr, value.len);
            strbuf_append_char(&out, '|');
        }
        assert_strbuf(&out, cases[i].members);
        assert_false(json_object_next((struct span){copy, len}, &pos, &name, &value));
        free(copy);
    }
    strbuf_free(&out);
}

static void strings_are_escaped(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *json;
    } cases[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"say \"hi\" \\o/", 12, "\"say \\\"hi\\\" \\\\o/\""},
        {"\"", 1, "\"\\\"\""},
        {"a\nb\tc", 5, "\"a\\u000ab\\u0009c\""},
        {"\0\x01\x1f\x20\x7f", 5, "\"\\u0000\\u0001\\u001f\x20\x7f\""},
        {"Gr\xc3\xbc\xc3\x9f"
         "e \xf0\x9f\x93\xa3",
         12,
         "\"Gr\xc3\xbc\xc3\x9f"
         "e \xf0\x9f\x93\xa3\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strbuf out = STRBUF_INIT;
        char error[JSON_MAX_ERROR];
        json_append_string(&out, cases[i].text, cases[i].len);
        assert_strbuf(&out, cases[i].json);
        assert_true(json_text_valid(out.data, out.len, error));
        strbuf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_texts),           cmocka_unit_test(invalid_texts),
        cmocka_unit_test(length_counts_not_nul), cmocka_unit_test(nul_is_no_json),
        cmocka_unit_test(error_says_where),      cmocka_unit_test(error_fits),
        cmocka_unit_test(nesting_has_an_end),    cmocka_unit_test(trim),
        cmocka_unit_test(array_elements),        cmocka_unit_test(end_of_array_stays),
        cmocka_unit_test(object_members),        cmocka_unit_test(object_names_of_any_form),
        cmocka_unit_test(all_members),           cmocka_unit_test(strings_are_escaped),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
