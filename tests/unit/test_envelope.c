/*
 * What publishers send, and what becomes of it: every member, every mistake, and the data's bytes.
 */
#include "unit.h"

#include <unistd.h>

#include "../../src/stentord/envelope.h"

static struct config *config;

static int setup(void **state)
{
    char path[] = "/tmp/stentor-envelope-XXXXXX";
    static const char text[] = "namespaces = [ \"/\", \"/vote\" ];";
    struct strbuf mistakes = STRBUF_INIT;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    config = config_load(path, NULL, &mistakes);
    unlink(path);
    return config != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    config_unref(&config);
    return 0;
}

static struct envelope_context publisher(void)
{
    return (struct envelope_context){.config = config, .io_threads = 1};
}

/* The message of a good envelope; message_unref is due. */
static struct message *good(const char *text)
{
    const struct envelope_context context = publisher();
    char error[ENVELOPE_ERROR] = "";
    struct message *message = envelope_parse(&context, unit_span(text), error);

    if (message == NULL)
        print_error("%s: %s\n", text, error);
    assert_non_null(message);
    return message;
}

/* A bad one, and a part of the sentence that says why. */
static void bad_for(const struct envelope_context *context, const char *text, const char *why)
{
    char error[ENVELOPE_ERROR] = "";

    assert_null(envelope_parse(context, unit_span(text), error));
    if (strstr(error, why) == NULL)
        print_error("%s: \"%s\" does not say \"%s\"\n", text, error, why);
    assert_non_null(strstr(error, why));
}

static void bad(const char *text, const char *why)
{
    const struct envelope_context context = publisher();

    bad_for(&context, text, why);
}

static void test_least(void **state)
{
    struct message *message = good("{\"event\":\"e\"}");

    (void)state;
    assert_int_equal(message->namespace, 0);
    assert_int_equal(message->room_count, 0);
    assert_int_equal(message->except_count, 0);
    assert_int_equal(message->arg_count, 1);
    assert_span(message->event, "e");
    assert_span(message->args, "null");
    assert_int_equal(message->key.len, 0);
    message_unref(&message);
}

static void test_every_member(void **state)
{
    struct message *message =
        good(" {\"namespace\":\"/vote\",\"rooms\":[\"a\",\"b\\u00e4\"],\"except\":\"c\","
             "\"event\":\"caf\\u00e9\",\"data\": {\"x\": 1.10} ,\"key\":\"k\"} ");

    (void)state;
    assert_int_equal(message->namespace, 1);
    assert_int_equal(message->room_count, 2);
    assert_span(message->rooms[0], "a");
    assert_span(message->rooms[1], "b\xc3\xa4");
    assert_int_equal(message->except_count, 1);
    assert_span(message->except[0], "c");
    assert_span(message->event, "caf\xc3\xa9");
    assert_span(message->args, "{\"x\": 1.10}");
    assert_span(message->key, "k");
    message_unref(&message);
}

/* Data travels as the bytes that were written: numbers keep their digits. */
static void test_data_is_not_rewritten(void **state)
{
    static const char *const values[] = {
        "1e2", "12345678901234567890123", "0.10", "-0",   "\"\\u0000\\ud83d\\ude00\"",
        "[ ]", "{\"b\":1,\"a\":2}",       "true", "null", "\"}\"",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        char text[128];
        snprintf(text, sizeof(text), "{\"event\":\"e\",\"data\":%s}", values[i]);
        struct message *message = good(text);
        assert_span(message->args, values[i]);
        message_unref(&message);
    }
}

static void test_args(void **state)
{
    struct message *message = good("{\"event\":\"e\",\"args\":[ 1 , \"a,b\",[2,3] ]}");

    (void)state;
    assert_int_equal(message->arg_count, 3);
    assert_span(message->args, "1 , \"a,b\",[2,3]");
    message_unref(&message);
    message = good("{\"event\":\"e\",\"args\":[]}");
    assert_int_equal(message->arg_count, 0);
    assert_span(message->args, "");
    message_unref(&message);
}

static void test_mistakes(void **state)
{
    char text[1024];

    (void)state;
    bad("[]", "JSON object");
    bad("{}", "\"event\" is missing");
    bad("{\"event\":1}", "\"event\" must be a text");
    bad("{\"event\":\"\"}", "1 to 256 bytes");
    bad("{\"event\":\"a\\u0000b\"}", "1 to 256 bytes");
    bad("{\"event\":\"disconnect\"}", "reserve");
    bad("{\"event\":\"e\",\"evnt\":1}", "\"evnt\" is not a member");
    bad("{\"event\":\"e\",\"namespace\":\"/nope\"}", "no such namespace");
    bad("{\"event\":\"e\",\"namespace\":7}", "no such namespace");
    bad("{\"event\":\"e\",\"room\":\"*\"}", "leave the room out");
    bad("{\"event\":\"e\",\"room\":5}", "room's name");
    bad("{\"event\":\"e\",\"rooms\":[]}", "is empty");
    bad("{\"event\":\"e\",\"rooms\":[\"a\",null]}", "room's name");
    bad("{\"event\":\"e\",\"room\":\"a\",\"rooms\":[\"b\"]}", "either");
    bad("{\"event\":\"e\",\"args\":1}", "must be an array");
    bad("{\"event\":\"e\",\"args\":[],\"data\":1}", "either");
    bad("{\"event\":\"e\",\"key\":1}", "\"key\" must be a text");
    bad("{\"event\":\"e\",\"type\":\"publish\"}", "not a member");
    snprintf(text, sizeof(text), "{\"event\":\"e\",\"room\":\"%0300d\"}", 1);
    bad(text, "1 to 256 bytes");
}

static void test_clients_stay_in_their_namespace(void **state)
{
    struct envelope_context context = publisher();
    char error[ENVELOPE_ERROR] = "";
    struct message *message;

    (void)state;
    context.namespace = 1;
    context.fixed_namespace = true;
    bad_for(&context, "{\"event\":\"e\",\"namespace\":\"/\"}", "your own namespace");
    /* The native command is the envelope. */
    message = envelope_parse(&context, unit_span("{\"type\":\"publish\",\"id\":1,\"event\":\"e\"}"),
                             error);
    assert_non_null(message);
    assert_int_equal(message->namespace, 1);
    message_unref(&message);
}

static void test_to_one_session(void **state)
{
    struct envelope_to to = {.given = false};
    struct envelope_context context = publisher();
    char error[ENVELOPE_ERROR] = "";
    struct message *message;

    (void)state;
    bad("{\"event\":\"e\",\"to\":\"AAAAAAAAAAAAAAAAAAAAAA\"}", "one session, send");
    context.to = &to;
    message = envelope_parse(
        &context, unit_span("{\"event\":\"e\",\"to\":\"AAECAwQFBgcICQoLDA0ODw\"}"), error);
    assert_non_null(message);
    assert_true(to.given && to.known);
    for (int i = 0; i < SESSION_ID_BYTES; i++)
        assert_int_equal(to.id[i], i);
    message_unref(&message);
    /* One I/O thread: this is an id of another server's, which may have handed its client over. */
    message = envelope_parse(
        &context, unit_span("{\"event\":\"e\",\"to\":\"AQECAwQFBgcICQoLDA0ODw\"}"), error);
    assert_non_null(message);
    assert_true(to.given && to.known);
    message_unref(&message);
    message = envelope_parse(&context, unit_span("{\"event\":\"e\",\"to\":\"AQEC\"}"), error);
    assert_non_null(message);
    assert_true(to.given && !to.known);
    message_unref(&message);
    bad_for(&context, "{\"event\":\"e\",\"to\":\"x\",\"seq\":1}", "no seq");
    bad_for(&context, "{\"event\":\"e\",\"to\":1}", "\"to\" must be a text");
    bad_for(&context, "{\"event\":\"e\",\"to\":\"x\",\"room\":\"a\"}", "there is no room");
    bad_for(&context, "{\"event\":\"e\",\"to\":\"x\",\"key\":\"a\"}", "no key");
    bad_for(&context, "{\"event\":\"e\",\"to\":\"x\",\"except\":\"a\"}", "no except");
}

static void test_to_a_neighbour(void **state)
{
    struct envelope_to to = {.given = false};
    struct envelope_context context = publisher();
    char error[ENVELOPE_ERROR] = "";
    struct message *message;

    (void)state;
    context.to = &to;
    bad_for(&context, "{\"event\":\"e\",\"to\":\"east\",\"room\":\"a\"}", "there is no room");
    context.fixed_namespace = true; /* only clients have neighbours */
    message = envelope_parse(&context,
                             unit_span("{\"event\":\"e\",\"to\":\"east\",\"room\":\"a\"}"), error);
    assert_non_null(message);
    assert_true(to.given && to.neighbour);
    assert_int_equal(to.direction, GRID_EAST);
    assert_span(message->rooms[0], "a");
    message_unref(&message);
    bad_for(&context, "{\"event\":\"e\",\"to\":\"east\"}", "name it in \"room\"");
    bad_for(&context, "{\"event\":\"e\",\"to\":\"up\",\"room\":\"a\"}", "there is no room");
}

static void test_placeholders(void **state)
{
    struct envelope_context context = publisher();
    struct refbuf *attachment = refbuf_copy("bytes", 5);
    char error[ENVELOPE_ERROR] = "";
    struct message *message;

    (void)state;
    context.attachments = &attachment;
    context.attachment_count = 1;
    bad_for(&context, "{\"event\":\"e\",\"data\":[{\"_placeholder\":true,\"num\":1}]}",
            "placeholder");
    bad_for(&context, "{\"event\":\"e\",\"data\":{\"_placeholder\":true,\"num\":-1}}",
            "placeholder");
    bad_for(&context, "{\"event\":\"e\",\"data\":{\"_placeholder\":true,\"num\":0.5}}",
            "placeholder");
    bad_for(&context, "{\"event\":\"e\",\"data\":{\"_placeholder\":true}}", "placeholder");
    message = envelope_parse(
        &context, unit_span("{\"event\":\"e\",\"data\":{\"x\":{\"_placeholder\":true,\"num\":0}}}"),
        error);
    assert_non_null(message);
    assert_int_equal(message->attachment_count, 1);
    message_unref(&message);
    refbuf_unref(&attachment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_least),
        cmocka_unit_test(test_every_member),
        cmocka_unit_test(test_data_is_not_rewritten),
        cmocka_unit_test(test_args),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_clients_stay_in_their_namespace),
        cmocka_unit_test(test_to_one_session),
        cmocka_unit_test(test_to_a_neighbour),
        cmocka_unit_test(test_placeholders),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
