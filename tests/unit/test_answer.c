#include "unit.h"

#include "../../src/swarm/answer.h"

static struct http_message shared;
static struct http_message *own;

static int setup(void **state)
{
    (void)state;
    own = NULL;
    answer_init(&shared);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    answer_free(&own);
    http_message_free(&shared);
    return 0;
}

/* Reads `text` in pieces that end at `cuts[]`, and checks what comes out and when. */
static struct http_message *read_pieces(const char *text, const size_t cuts[], size_t count)
{
    struct http_message *answer = NULL;
    size_t from = 0;

    for (size_t i = 0; i <= count; i++) {
        size_t to = i < count ? cuts[i] : strlen(text), used;
        char *piece = unit_exact_copy(text + from, to - from);
        enum http_result result =
            answer_feed(&shared, &own, false, piece, to - from, &used, &answer);

        assert_int_equal(used, to - from);
        assert_int_equal(result, i < count ? HTTP_MORE : HTTP_DONE);
        free(piece);
        from = to;
    }
    return answer;
}

static void check_answer(const struct http_message *answer)
{
    struct span type;

    assert_int_equal(answer->parser.status_code, 200);
    assert_true(http_header(answer, "content-type", &type));
    assert_span(type, "text/plain");
    assert_strbuf(&answer->body, "2hello");
    assert_true(http_keep_alive(answer));
}

static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                            "Content-Length: 6\r\n\r\n2hello";
static const char chunked[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n2\r\n2h\r\n4\r\nello\r\n0\r\n\r\n";

static void test_in_one_piece(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        check_answer(read_pieces(whole, NULL, 0));
        check_answer(read_pieces(chunked, NULL, 0));
        assert_null(own); /* a client has nothing of its own for it */
    }
}

/* What was begun by the shared message is read on by the client's own, wherever it was cut; and
 * another client may read in between. */
static void test_in_pieces(void **state)
{
    const char *const texts[] = {whole, chunked};

    (void)state;
    for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
        for (size_t a = 1; a + 1 < strlen(texts[t]); a++) {
            const size_t cuts[] = {a, a + 1};
            struct http_message *other = NULL, *answer;
            size_t used;

            check_answer(read_pieces(texts[t], cuts, 1));
            assert_non_null(own);
            answer_free(&own);
            check_answer(read_pieces(texts[t], cuts, 2));
            answer_free(&own);
            assert_int_equal(answer_feed(&shared, &own, false, texts[t], a, &used, &answer),
                             HTTP_MORE);
            assert_int_equal(
                answer_feed(&shared, &other, false, whole, strlen(whole), &used, &answer),
                HTTP_DONE);
            check_answer(answer);
            assert_int_equal(answer_feed(&shared, &own, false, texts[t] + a, strlen(texts[t]) - a,
                                         &used, &answer),
                             HTTP_DONE);
            check_answer(answer);
            answer_free(&own);
        }
    }
}

static void test_head_only(void **state)
{
    static const char text[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: upgrade\r\n\r\nframes";
    struct http_message *answer;
    size_t used;

    (void)state;
    assert_int_equal(answer_feed(&shared, &own, true, text, strlen(text), &used, &answer),
                     HTTP_HEAD_DONE);
    assert_bytes(text + used, strlen(text) - used, "frames");
    assert_int_equal(answer->parser.status_code, 101);
    assert_null(own);
}

/* A stream: the head, and then whatever there is of the body. */
static void test_stream(void **state)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    struct http_message *answer;
    size_t used;

    (void)state;
    answer_own(&own);
    assert_int_equal(answer_feed(NULL, &own, true, head, strlen(head), &used, &answer),
                     HTTP_HEAD_DONE);
    assert_int_equal(
        answer_feed(NULL, &own, false, head + used, strlen(head) - used, &used, &answer),
        HTTP_MORE);
    assert_strbuf(&answer->body, "abc");
    strbuf_clear(&answer->body);
    assert_int_equal(answer_feed(NULL, &own, false, "2\r\nde", 5, &used, &answer), HTTP_MORE);
    assert_strbuf(&answer->body, "de");
}

static void test_no_answer(void **state)
{
    struct http_message *answer;
    size_t used;

    (void)state;
    assert_int_equal(answer_feed(&shared, &own, false, "SSH-2.0\r\n", 9, &used, &answer),
                     HTTP_FAILED);
    check_answer(read_pieces(whole, NULL, 0)); /* the next one is not the worse for it */
}

/* A body that ends with the connection. */
static void test_until_the_end(void **state)
{
    static const char text[] = "HTTP/1.0 200 OK\r\n\r\n2hello";
    struct http_message *answer;
    size_t used;

    (void)state;
    assert_int_equal(answer_feed(&shared, &own, false, text, strlen(text), &used, &answer),
                     HTTP_MORE);
    assert_true(http_message_finish(own));
    assert_strbuf(&own->body, "2hello");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_in_one_piece, setup, teardown),
        cmocka_unit_test_setup_teardown(test_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_head_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_until_the_end, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
