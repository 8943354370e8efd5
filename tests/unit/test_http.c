#include "unit.h"

#include "stentor/wire/http.h"

static const struct http_limits roomy = {4096, 16384, 1 << 20};

/* What was read of one message. */
struct outcome {
    struct http_message msg;
    enum http_result result; /* the last one */
    size_t used;             /* bytes of the text */
    unsigned heads;          /* how often HTTP_HEAD_DONE came */
    size_t head_used;
};

/* Feeds the text in pieces of `step` bytes, each a copy of its own, until something is decided. */
static void feed_pieces(struct outcome *outcome, const char *text, size_t len, size_t step)
{
    do {
        size_t piece = len - outcome->used < step ? len - outcome->used : step;
        size_t used = 0;
        char *copy = unit_exact_copy(text + outcome->used, piece);
        outcome->result = http_message_feed(&outcome->msg, copy, piece, &used);
        free(copy);
        assert_true(used <= piece);
        assert_true(outcome->result != HTTP_MORE || used == piece);
        outcome->used += used;
        if (outcome->result == HTTP_HEAD_DONE) {
            outcome->heads++;
            outcome->head_used = outcome->used;
            assert_true(outcome->msg.head_done);
        }
    } while (outcome->result == HTTP_HEAD_DONE ||
             (outcome->result == HTTP_MORE && outcome->used < len));
}

static void read_with(struct outcome *outcome, enum http_kind kind,
                      const struct http_limits *limits, const char *text, size_t step)
{
    memset(outcome, 0, sizeof(*outcome));
    http_message_init(&outcome->msg, kind, limits);
    feed_pieces(outcome, text, strlen(text), step);
}

static void read_request(struct outcome *outcome, const char *text)
{
    read_with(outcome, HTTP_KIND_REQUEST, &roomy, text, SIZE_MAX);
}

static void assert_header(const struct http_message *msg, const char *name, const char *expected)
{
    struct span value;

    if (!http_header(msg, name, &value))
        fail_msg("no header %s", name);
    assert_span(value, expected);
}

static void simple_get(void **state)
{
    const char *text =
        "GET /ws?room=a HTTP/1.1\r\nHost: example.org\r\nX-Empty:\r\nx-last: z\r\n\r\n";
    struct outcome o;
    struct span value;

    (void)state;
    read_request(&o, text);
    assert_int_equal(o.result, HTTP_DONE);
    assert_int_equal(o.heads, 1);
    assert_int_equal(o.head_used, strlen(text));
    assert_int_equal(o.used, strlen(text));
    assert_string_equal(http_method(&o.msg), "GET");
    assert_true(http_method_is(&o.msg, HTTP_GET));
    assert_false(http_method_is(&o.msg, HTTP_POST));
    assert_strbuf(&o.msg.target, "/ws?room=a");
    assert_int_equal(o.msg.header_count, 3);
    assert_header(&o.msg, "host", "example.org");
    assert_header(&o.msg, "x-empty", "");
    assert_header(&o.msg, "x-last", "z");
    assert_false(http_header(&o.msg, "x-none", &value));
    assert_int_equal(o.msg.body.len, 0);
    assert_false(o.msg.upgrade);
    http_message_free(&o.msg);
}

static void body_with_length(void **state)
{
    struct outcome o;

    (void)state;
    read_request(&o,
                 "POST /publish/a/e HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello world");
    assert_int_equal(o.result, HTTP_DONE);
    assert_strbuf(&o.msg.body, "hello world");
    assert_true(o.head_used < o.used);
    http_message_free(&o.msg);
}

static void body_in_chunks(void **state)
{
    struct outcome o;

    (void)state;
    read_request(&o, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "5\r\nhello\r\n1;ext=1\r\n \r\n05\r\nworld\r\n0\r\n\r\n");
    assert_int_equal(o.result, HTTP_DONE);
    assert_strbuf(&o.msg.body, "hello world");
    http_message_free(&o.msg);
}

/* What stands behind the body is not a header: it comes after all decisions were made. */
static void trailers_are_not_headers(void **state)
{
    const char *text = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                       "Trailer: Authorization\r\n\r\n"
                       "2\r\nhi\r\n0\r\nAuthorization: Bearer k\r\nHost: y\r\n\r\n";
    struct span value;

    (void)state;
    for (size_t step = 1; step <= strlen(text); step++) {
        struct outcome o;
        read_with(&o, HTTP_KIND_REQUEST, &roomy, text, step);
        assert_int_equal(o.result, HTTP_DONE);
        assert_int_equal(o.used, strlen(text));
        assert_strbuf(&o.msg.body, "hi");
        assert_false(http_header(&o.msg, "authorization", &value));
        assert_int_equal(o.msg.header_count, 3);
        assert_header(&o.msg, "host", "x");
        assert_header(&o.msg, "trailer", "Authorization");
        http_message_free(&o.msg);
    }
}

static void pipelined_requests(void **state)
{
    const char *text = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
                       "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                       "POST /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\ndef\r\n0\r\n\r\n"
                       "GET /4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    static const char *const targets[] = {"/1", "/2", "/3", "/4"};
    static const char *const bodies[] = {"", "abc", "def", ""};

    (void)state;
    for (size_t step = 1; step <= strlen(text); step++) {
        const char *rest = text;
        for (unsigned i = 0; i < 4; i++) {
            struct outcome o;
            read_with(&o, HTTP_KIND_REQUEST, &roomy, rest, step);
            assert_int_equal(o.result, HTTP_DONE);
            assert_strbuf(&o.msg.target, targets[i]);
            assert_strbuf(&o.msg.body, bodies[i]);
            assert_int_equal(http_keep_alive(&o.msg), i < 3);
            rest += o.used;
            http_message_free(&o.msg);
        }
        assert_int_equal(*rest, '\0');
    }
}

/* Every cut in two gives what one piece gives. */
static void split_everywhere(void **state)
{
    const char *text = "POST /publish/r/e?key=1 HTTP/1.1\r\nHost: example.org\r\nA:\r\n"
                       "B:  two words \r\nContent-Length: 5\r\n\r\n12345";
    size_t len = strlen(text);

    (void)state;
    for (size_t cut = 0; cut <= len; cut++) {
        struct outcome o = {.result = HTTP_MORE};
        http_message_init(&o.msg, HTTP_KIND_REQUEST, &roomy);
        feed_pieces(&o, text, cut, SIZE_MAX);
        assert_int_equal(o.result, cut < len ? HTTP_MORE : HTTP_DONE);
        if (cut < len)
            feed_pieces(&o, text, len, SIZE_MAX);
        assert_int_equal(o.result, HTTP_DONE);
        assert_int_equal(o.heads, 1);
        assert_int_equal(o.head_used, len - 5);
        assert_strbuf(&o.msg.target, "/publish/r/e?key=1");
        assert_header(&o.msg, "a", "");
        assert_header(&o.msg, "b", "two words");
        assert_header(&o.msg, "content-length", "5");
        assert_strbuf(&o.msg.body, "12345");
        http_message_free(&o.msg);
    }
}

static void white_space_around_values(void **state)
{
    struct outcome o;

    (void)state;
    read_request(&o, "GET / HTTP/1.1\r\nHost: \t x \t \r\nAuthorization: Bearer k  \r\n"
                     "Connection: keep-alive , Upgrade \t\r\nX-Blank:  \t \r\n\r\n");
    assert_int_equal(o.result, HTTP_DONE);
    assert_header(&o.msg, "host", "x");
    assert_header(&o.msg, "authorization", "Bearer k");
    assert_header(&o.msg, "x-blank", "");
    assert_true(http_header_has_token(&o.msg, "connection", "upgrade"));
    http_message_free(&o.msg);
}

/* An obsolete form (RFC 9112 section 5.2): the break counts as a space, it never joins words. */
static void folded_value(void **state)
{
    const char *text = "GET / HTTP/1.1\r\nA: one\r\n two\r\nB: c\r\n\r\n";

    (void)state;
    for (size_t step = 1; step <= strlen(text); step++) {
        struct outcome o;
        read_with(&o, HTTP_KIND_REQUEST, &roomy, text, step);
        assert_int_equal(o.result, HTTP_DONE);
        assert_header(&o.msg, "a", "one two");
        assert_header(&o.msg, "b", "c");
        http_message_free(&o.msg);
    }
}

static void refuse(const char *text, const struct http_limits *limits, int status)
{
    for (size_t step = 1; step <= strlen(text); step++) {
        struct outcome o;
        read_with(&o, HTTP_KIND_REQUEST, limits, text, step);
        if (o.result != HTTP_FAILED || o.msg.status != status)
            fail_msg("in steps of %zu: result %d, status %d: %s", step, (int)o.result, o.msg.status,
                     text);
        assert_non_null(o.msg.error);
        assert_true(strlen(o.msg.error) > 0);
        http_message_free(&o.msg);
    }
}

static void malformed_requests(void **state)
{
    static const char *const texts[] = {
        "hello\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/1.1\r\nHost x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/1.1\r\n: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHo st: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n",
        "GET / HTTP/1.1\nHost: x\n\n",
        "GET / HTTX/1.1\r\n\r\n",
        "G@T / HTTP/1.1\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        /* what request smuggling is made of */
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        refuse(texts[i], &roomy, 400);
}

static void other_versions(void **state)
{
    (void)state;
    refuse("GET / HTTP/2.0\r\nHost: x\r\n\r\n", &roomy, 505);
    refuse("GET / HTTP/0.9\r\nHost: x\r\n\r\n", &roomy, 505);
    refuse("GET / HTTP/1.2\r\nHost: x\r\n\r\n", &roomy, 505);
    refuse("GET / HTTP/3.0\r\nHost: x\r\n\r\n", &roomy, 505);
    refuse("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &roomy, 505);
}

static void limits_of_the_head(void **state)
{
    const struct http_limits limits = {.target = 10, .head = 20, .body = 5};
    struct outcome o;

    (void)state;
    read_with(&o, HTTP_KIND_REQUEST, &limits,
              "GET /234567890 HTTP/1.1\r\nA: 1234567890123456789\r\n\r\n", SIZE_MAX);
    assert_int_equal(o.result, HTTP_DONE); /* both exactly at their limit */
    http_message_free(&o.msg);
    refuse("GET /2345678901 HTTP/1.1\r\nHost: x\r\n\r\n", &limits, 414);
    refuse("GET / HTTP/1.1\r\nA: 12345678901234567890\r\n\r\n", &limits, 431);
    refuse("GET / HTTP/1.1\r\nA: 1\r\nB: 1\r\nC: 12345678901234567890\r\n\r\n", &limits, 431);
    refuse("GET / HTTP/1.1\r\nA23456789012345678901: x\r\n\r\n", &limits, 431);
}

/* A message that failed may be asked for its headers, for the log or to choose the answer. */
static void headers_of_a_failed_message(void **state)
{
    const struct http_limits limits = {.target = 10, .head = 20, .body = 5};
    struct span value;
    struct outcome o;

    (void)state;
    read_with(&o, HTTP_KIND_REQUEST, &limits,
              "GET / HTTP/1.1\r\nA: 1\r\nB: 01234567890123456789\r\n", SIZE_MAX);
    assert_int_equal(o.result, HTTP_FAILED);
    assert_header(&o.msg, "a", "1");
    assert_true(http_header(&o.msg, "b", &value));
    assert_int_equal(value.len, 0);
    assert_false(http_header_has_token(&o.msg, "b", "x"));
    http_message_free(&o.msg);
}

static void limit_of_the_body(void **state)
{
    const struct http_limits limits = {.target = 10, .head = 100, .body = 5};
    struct outcome o;

    (void)state;
    read_with(&o, HTTP_KIND_REQUEST, &limits, "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345",
              SIZE_MAX);
    assert_int_equal(o.result, HTTP_DONE);
    http_message_free(&o.msg);
    refuse("POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\n123456", &limits, 413);
    refuse("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n3\r\n456\r\n0\r\n\r\n",
           &limits, 413);
}

/* The caller may raise or lower the body's limit once it knows the target. */
static void limit_of_the_body_changes_behind_the_head(void **state)
{
    const char *text = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345";
    struct http_limits limits = {.target = 10, .head = 100, .body = 0};
    struct outcome o = {.result = HTTP_MORE};
    size_t used;

    (void)state;
    http_message_init(&o.msg, HTTP_KIND_REQUEST, &limits);
    assert_int_equal(http_message_feed(&o.msg, text, strlen(text), &used), HTTP_HEAD_DONE);
    assert_int_equal(used, strlen(text) - 5);
    o.msg.limits.body = 5;
    assert_int_equal(http_message_feed(&o.msg, text + used, 5, &used), HTTP_DONE);
    assert_int_equal(used, 5);
    http_message_free(&o.msg);
}

static void number_of_headers(void **state)
{
    struct strbuf text = STRBUF_INIT;

    (void)state;
    for (unsigned count = HTTP_MAX_HEADERS; count <= HTTP_MAX_HEADERS + 1; count++) {
        struct outcome o;
        strbuf_clear(&text);
        strbuf_append_str(&text, "GET / HTTP/1.1\r\n");
        for (unsigned i = 0; i < count; i++)
            strbuf_printf(&text, "H%u: %u\r\n", i, i);
        strbuf_append_str(&text, "\r\n");
        if (count > HTTP_MAX_HEADERS) {
            refuse(strbuf_cstr(&text), &roomy, 431);
            break;
        }
        read_request(&o, strbuf_cstr(&text));
        assert_int_equal(o.result, HTTP_DONE);
        assert_int_equal(o.msg.header_count, count);
        assert_header(&o.msg, "h0", "0");
        assert_header(&o.msg, "h63", "63");
        http_message_free(&o.msg);
    }
    strbuf_free(&text);
}

static void keep_alive(void **state)
{
    static const struct {
        const char *text;
        bool keep;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nConnection: Keep-Alive, CLOSE\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
        {"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_message msg;
        size_t used;
        struct outcome o;
        http_message_init(&msg, HTTP_KIND_REQUEST, &roomy);
        assert_int_equal(http_message_feed(&msg, cases[i].text, strlen(cases[i].text), &used),
                         HTTP_HEAD_DONE);
        assert_int_equal(http_keep_alive(&msg), cases[i].keep);
        http_message_free(&msg);
        read_request(&o, cases[i].text);
        assert_int_equal(http_keep_alive(&o.msg), cases[i].keep);
        http_message_free(&o.msg);
    }
}

static void websocket_upgrade(void **state)
{
    const char *text = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                       "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                       "Sec-WebSocket-Extensions: a, b\r\nSec-WebSocket-Extensions: c\r\n\r\n";
    struct strbuf both = STRBUF_INIT, joined = STRBUF_INIT;

    (void)state;
    strbuf_append_str(&both, text);
    strbuf_append_str(&both, "\x81\x80mask"); /* belongs to the other protocol already */
    for (size_t step = 1; step <= both.len; step++) {
        struct outcome o;
        read_with(&o, HTTP_KIND_REQUEST, &roomy, strbuf_cstr(&both), step);
        assert_int_equal(o.result, HTTP_DONE);
        assert_int_equal(o.head_used, strlen(text));
        assert_int_equal(o.used, strlen(text));
        assert_true(o.msg.upgrade);
        assert_true(http_header_has_token(&o.msg, "upgrade", "WebSocket"));
        assert_true(http_header_has_token(&o.msg, "connection", "upgrade"));
        assert_false(http_header_has_token(&o.msg, "connection", "grade"));
        assert_true(http_header_has_token(&o.msg, "sec-websocket-extensions", "c"));
        assert_false(http_header_has_token(&o.msg, "sec-websocket-protocol", "c"));
        strbuf_clear(&joined);
        assert_true(http_header_joined(&o.msg, "sec-websocket-extensions", &joined));
        assert_strbuf(&joined, "a, b, c");
        strbuf_clear(&joined);
        assert_false(http_header_joined(&o.msg, "sec-websocket-protocol", &joined));
        assert_strbuf(&joined, "");
        http_message_free(&o.msg);
    }
    strbuf_free(&both);
    strbuf_free(&joined);
}

/* The server stops between head and body, which is where 100 Continue is due. */
static void expectation(void **state)
{
    const char *head = "POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n";
    struct http_message msg;
    size_t used;

    (void)state;
    http_message_init(&msg, HTTP_KIND_REQUEST, &roomy);
    assert_int_equal(http_message_feed(&msg, head, strlen(head), &used), HTTP_HEAD_DONE);
    assert_int_equal(used, strlen(head));
    assert_true(http_header_has_token(&msg, "expect", "100-continue"));
    assert_int_equal(http_message_feed(&msg, head, 0, &used), HTTP_MORE);
    assert_int_equal(http_message_feed(&msg, "ok", 2, &used), HTTP_DONE);
    assert_strbuf(&msg.body, "ok");
    http_message_free(&msg);
}

static void responses(void **state)
{
    static const struct {
        const char *text;
        int status;
        enum http_result result;
        bool finished; /* complete when the peer closes then */
        const char *body;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, HTTP_DONE, true, "ok"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", 200, HTTP_MORE, false, "ok"},
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, HTTP_DONE, true, ""},
        {"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, HTTP_MORE, true, "until the end"},
        {"HTTP/1.0 404 Not Found\r\n\r\n", 404, HTTP_MORE, true, ""},
        {"HTTP/1.1 204 No Content\r\n\r\n", 204, HTTP_DONE, true, ""},
        {"HTTP/1.1 304 Not Modified\r\n\r\n", 304, HTTP_DONE, true, ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200,
         HTTP_DONE, true, "ok"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", 200, HTTP_MORE, false,
         "ok"},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
         101, HTTP_DONE, true, ""},
        {"HTTP/1.1 200 OK\r\nContent-Le", 200, HTTP_MORE, false, ""},
        {"", 0, HTTP_MORE, false, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t step = 1; step <= strlen(cases[i].text) + 1; step++) {
            struct outcome o;
            read_with(&o, HTTP_KIND_RESPONSE, &roomy, cases[i].text, step);
            if (o.result != cases[i].result)
                fail_msg("%s: %d", cases[i].text, (int)o.result);
            assert_int_equal(o.used, strlen(cases[i].text));
            assert_int_equal(o.msg.parser.status_code, cases[i].status);
            assert_strbuf(&o.msg.body, cases[i].body);
            if (o.result == HTTP_MORE)
                assert_int_equal(http_message_finish(&o.msg), cases[i].finished);
            http_message_free(&o.msg);
        }
    }
}

/* The peer closes while the last answer was HTTP_HEAD_DONE. */
static void close_behind_the_head(void **state)
{
    const char *open_end = "HTTP/1.1 200 OK\r\n\r\n";
    const char *more_due = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
    struct http_message msg;
    size_t used;

    (void)state;
    http_message_init(&msg, HTTP_KIND_RESPONSE, &roomy);
    assert_int_equal(http_message_feed(&msg, open_end, strlen(open_end), &used), HTTP_HEAD_DONE);
    assert_true(http_message_finish(&msg));
    http_message_free(&msg);
    http_message_init(&msg, HTTP_KIND_RESPONSE, &roomy);
    assert_int_equal(http_message_feed(&msg, more_due, strlen(more_due), &used), HTTP_HEAD_DONE);
    assert_false(http_message_finish(&msg));
    http_message_free(&msg);
}

static void targets(void **state)
{
    static const struct {
        const char *target, *path, *query;
    } cases[] = {
        {"/", "/", ""},
        {"/a/b?c=d", "/a/b", "c=d"},
        {"/a?", "/a", ""},
        {"/a?b?c", "/a", "b?c"},
        {"*", "*", ""},
        {"http://example.org/a?b", "/a", "b"},
        {"HTTP://example.org", "/", ""},
        {"http://x?q", "", "q"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strbuf text = STRBUF_INIT;
        struct span path, query;
        struct outcome o;
        strbuf_printf(&text, "OPTIONS %s HTTP/1.1\r\n\r\n", cases[i].target);
        read_request(&o, strbuf_cstr(&text));
        assert_int_equal(o.result, HTTP_DONE);
        http_split_target(&o.msg, &path, &query);
        assert_span(path, cases[i].path);
        assert_span(query, cases[i].query);
        http_message_free(&o.msg);
        strbuf_free(&text);
    }
}

static void queries(void **state)
{
    static const struct {
        const char *query;
        const char *pairs;
    } cases[] = {
        {"", ""},           {"a=1", "a:1;"},    {"room=a&room=b", "room:a;room:b;"},
        {"a", "a:;"},       {"a=", "a:;"},      {"a=b=c", "a:b=c;"},
        {"&&a=1&", "a:1;"}, {"=x&a=1", "a:1;"}, {"a&b&c=3", "a:;b:;c:3;"},
        {"=", ""},          {"&", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].query);
        char *copy = unit_exact_copy(cases[i].query, len);
        struct span query = {copy, len}, name, value;
        struct strbuf out = STRBUF_INIT;
        while (http_query_next(&query, &name, &value)) {
            strbuf_append(&out, name.ptr, name.len);
            strbuf_append_char(&out, ':');
            strbuf_append(&out, value.ptr, value.len);
            strbuf_append_char(&out, ';');
        }
        assert_strbuf(&out, cases[i].pairs);
        strbuf_free(&out);
        free(copy);
    }
}

static void decoding(void **state)
{
    static const struct {
        const char *text;
        const char *path, *query; /* decoded as either; NULL: malformed */
    } cases[] = {
        {"", "", ""},
        {"plain", "plain", "plain"},
        {"a+b", "a+b", "a b"},
        {"a%20b%2Bc%2fd", "a b+c/d", "a b+c/d"},
        {"%C3%bc", "\xc3\xbc", "\xc3\xbc"},
        {"\xc3\xbc", "\xc3\xbc", "\xc3\xbc"},
        {"%", NULL, NULL},
        {"%2", NULL, NULL},
        {"a%2", NULL, NULL},
        {"%g0", NULL, NULL},
        {"%0g", NULL, NULL},
        {"%%30", NULL, NULL},
        {"%C3", NULL, NULL},
        {"%ff", NULL, NULL},
        {"%ED%A0%80", NULL, NULL},
        {"\xff", NULL, NULL},
        {"%25", "%", "%"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int in_query = 0; in_query < 2; in_query++) {
            const char *expected = in_query ? cases[i].query : cases[i].path;
            size_t len = strlen(cases[i].text);
            char *copy = unit_exact_copy(cases[i].text, len);
            struct strbuf out = STRBUF_INIT;
            if (http_decode((struct span){copy, len}, in_query, &out) != (expected != NULL))
                fail_msg("\"%s\"", cases[i].text);
            if (expected != NULL)
                assert_strbuf(&out, expected);
            strbuf_free(&out);
            free(copy);
        }
    }
}

static void decoding_appends(void **state)
{
    struct strbuf out = STRBUF_INIT;

    (void)state;
    strbuf_append_str(&out, "\xff"); /* what stood there before is not looked at */
    assert_true(http_decode(unit_span("%41"), false, &out));
    assert_strbuf(&out, "\xff"
                        "A");
    strbuf_free(&out);
}

static void lists(void **state)
{
    struct span list = unit_span(" a , ,b c,,\td\t,"), element;

    (void)state;
    assert_true(http_list_next(&list, &element));
    assert_span(element, "a");
    assert_true(http_list_next(&list, &element));
    assert_span(element, "b c");
    assert_true(http_list_next(&list, &element));
    assert_span(element, "d");
    assert_false(http_list_next(&list, &element));
    assert_false(http_list_next(&list, &element));
    assert_true(http_span_equals(unit_span("AbC"), "aBc"));
    assert_false(http_span_equals(unit_span("ab"), "abc"));
    assert_false(http_span_equals(unit_span("abc"), "ab"));
    assert_true(http_span_equals(unit_span(""), ""));
}

static void heads(void **state)
{
    struct strbuf out = STRBUF_INIT;

    (void)state;
    http_append_head(&out, 200, NULL, 5, true);
    assert_strbuf(&out, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n");
    strbuf_clear(&out);
    http_append_head(&out, 404, "X: y\r\n", 0, false);
    assert_strbuf(&out, "HTTP/1.1 404 Not Found\r\nX: y\r\nContent-Length: 0\r\n"
                        "Connection: close\r\n\r\n");
    strbuf_clear(&out);
    http_append_head(&out, 304, NULL, 0, true); /* these have no body, so no length either */
    assert_strbuf(&out, "HTTP/1.1 304 Not Modified\r\nConnection: keep-alive\r\n\r\n");
    strbuf_clear(&out);
    http_append_head(&out, 204, NULL, 0, true);
    assert_strbuf(&out, "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n");
    strbuf_free(&out);
}

/* What the server writes, its own parser reads. */
static void written_heads_parse(void **state)
{
    static const int statuses[] = {200, 204, 304, 400, 401, 403, 404, 405, 408, 413,
                                   414, 417, 426, 429, 431, 500, 503, 505, 299};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        struct strbuf out = STRBUF_INIT;
        struct outcome o;
        http_append_head(&out, statuses[i], "X-Test: 1\r\n", 0, i % 2 == 0);
        read_with(&o, HTTP_KIND_RESPONSE, &roomy, strbuf_cstr(&out), SIZE_MAX);
        assert_int_equal(o.result, HTTP_DONE);
        assert_int_equal(o.msg.parser.status_code, statuses[i]);
        assert_int_equal(http_keep_alive(&o.msg), i % 2 == 0);
        assert_header(&o.msg, "x-test", "1");
        http_message_free(&o.msg);
        strbuf_free(&out);
    }
    assert_string_equal(http_reason(431), "Request Header Fields Too Large");
    assert_string_equal(http_reason(299), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_get),
        cmocka_unit_test(body_with_length),
        cmocka_unit_test(body_in_chunks),
        cmocka_unit_test(trailers_are_not_headers),
        cmocka_unit_test(pipelined_requests),
        cmocka_unit_test(split_everywhere),
        cmocka_unit_test(white_space_around_values),
        cmocka_unit_test(folded_value),
        cmocka_unit_test(malformed_requests),
        cmocka_unit_test(other_versions),
        cmocka_unit_test(limits_of_the_head),
        cmocka_unit_test(headers_of_a_failed_message),
        cmocka_unit_test(limit_of_the_body),
        cmocka_unit_test(limit_of_the_body_changes_behind_the_head),
        cmocka_unit_test(number_of_headers),
        cmocka_unit_test(keep_alive),
        cmocka_unit_test(websocket_upgrade),
        cmocka_unit_test(expectation),
        cmocka_unit_test(responses),
        cmocka_unit_test(close_behind_the_head),
        cmocka_unit_test(targets),
        cmocka_unit_test(queries),
        cmocka_unit_test(decoding),
        cmocka_unit_test(decoding_appends),
        cmocka_unit_test(lists),
        cmocka_unit_test(heads),
        cmocka_unit_test(written_heads_parse),
    };

    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
