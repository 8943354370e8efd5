#include "unit.h"

#include "stentor/wire/sse.h"

static void events_are_written(void **state)
{
    static const struct {
        uint64_t id;
        const char *event;
        const char *data;
        const char *text;
    } cases[] = {
        {1, "news", "{\"a\":1}", "id: 1\nevent: news\ndata: {\"a\":1}\n\n"},
        {0, "news", "1", "event: news\ndata: 1\n\n"},
        {UINT64_MAX, "x", "", "id: 18446744073709551615\nevent: x\ndata: \n\n"},
        {1771234567890123, "x", "1", "id: 1771234567890123\nevent: x\ndata: 1\n\n"},
        /* lines */
        {0, "x", "a\nb", "event: x\ndata: a\ndata: b\n\n"},
        {0, "x", "a\rb", "event: x\ndata: a\ndata: b\n\n"},
        {0, "x", "a\r\nb", "event: x\ndata: a\ndata: b\n\n"},
        {0, "x", "a\n\nb", "event: x\ndata: a\ndata: \ndata: b\n\n"},
        {0, "x", "a\n\rb", "event: x\ndata: a\ndata: \ndata: b\n\n"},
        {0, "x", "a\r\r\nb", "event: x\ndata: a\ndata: \ndata: b\n\n"},
        {0, "x", "a\n", "event: x\ndata: a\ndata: \n\n"},
        {0, "x", "a\r\n", "event: x\ndata: a\ndata: \n\n"},
        {0, "x", "\n", "event: x\ndata: \ndata: \n\n"},
        {0, "x", "\r\n\r\n", "event: x\ndata: \ndata: \ndata: \n\n"},
        /* what could be taken for something else */
        {0, "x", " a", "event: x\ndata:  a\n\n"},
        {0, "x", ":", "event: x\ndata: :\n\n"},
        {0, "x", "id: 7\n\ndata: 8", "event: x\ndata: id: 7\ndata: \ndata: data: 8\n\n"},
        {0, "a\nid: 7\r\n\rb", "1", "event: a id: 7   b\ndata: 1\n\n"},
        {0, " a: b", "1", "event:  a: b\ndata: 1\n\n"},
        {0, "", "1", "event: \ndata: 1\n\n"},
        {0, "gr\xc3\xbc\xc3\x9f", "\xf0\x9f\x93\xa3",
         "event: gr\xc3\xbc\xc3\x9f\ndata: \xf0\x9f\x93\xa3\n\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strbuf out = STRBUF_INIT;
        char *event = unit_exact_copy(cases[i].event, strlen(cases[i].event));
        char *data = unit_exact_copy(cases[i].data, strlen(cases[i].data));
        sse_append_event(&out, cases[i].id, (struct span){event, strlen(cases[i].event)},
                         (struct span){data, strlen(cases[i].data)});
        assert_strbuf(&out, cases[i].text);
        strbuf_free(&out);
        free(event);
        free(data);
    }
}

static void time_to_connect_again(void **state)
{
    struct strbuf out = STRBUF_INIT;

    (void)state;
    sse_append_retry(&out, 2000);
    assert_strbuf(&out, "retry: 2000\n");
    strbuf_free(&out);
}

/* Events as one line each: id|event|data; with line breaks as $. */
static void on_event(void *arg, const struct sse_event *event)
{
    struct strbuf *list = arg;

    strbuf_append(list, event->id.ptr, event->id.len);
    strbuf_append_char(list, '|');
    strbuf_append(list, event->event.ptr, event->event.len);
    strbuf_append_char(list, '|');
    for (size_t i = 0; i < event->data.len; i++)
        strbuf_append_char(list, event->data.ptr[i] == '\n' ? '$' : event->data.ptr[i]);
    strbuf_append_char(list, ';');
}

static bool feed(struct sse_reader *reader, const char *text, size_t len, struct strbuf *list)
{
    char *copy = unit_exact_copy(text, len);
    bool good = sse_reader_feed(reader, copy, len, on_event, list);

    free(copy);
    return good;
}

/* Streams, and what a browser makes of them (HTML, 9.2.6; the first ones are its examples). */
static const struct {
    const char *stream;
    const char *events;
} streams[] = {
    {"data: YHOO\ndata: +2\ndata: 10\n\n", "|message|YHOO$+2$10;"},
    {": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
     "1|message|first event;|message|second event;|message| third event;"},
    {"data\n\ndata\ndata\n\ndata:", "|message|;|message|$;"},
    {"data:test\n\ndata: test\n\n", "|message|test;|message|test;"},
    {"event: add\ndata: 1\n\nevent: remove\ndata: 2\n\ndata: 3\n\n",
     "|add|1;|remove|2;|message|3;"},
    {"", ""},
    {"\n\n\n", ""},
    {":\n\n:\n\n", ""},
    {"id: 5\n\n", ""},
    {"id: 5\n\ndata: x\n\n", "5|message|x;"},
    {"event: x\n\ndata: 1\n\n", "|message|1;"}, /* a name without data is forgotten */
    {"retry: 3000\nid: 7\n\ndata: 1\n\n", "7|message|1;"},
    {"id: 7\ndata: 1\n\ndata: 2\n\nid: 8\ndata: 3\n\nid:\ndata: 4\n\n",
     "7|message|1;7|message|2;8|message|3;|message|4;"},
    {"id: a b\ndata: 1\n\n", "a b|message|1;"},
    {"data: 1\nid: 1\nid: 2\nevent: a\nevent: b\n\n", "2|b|1;"},
    {"event:\ndata: 1\n\n", "|message|1;"},
    {"event: x\nevent:\ndata: 1\n\n", "|message|1;"},
    /* line ends of all kinds, also mixed */
    {"data: 1\r\n\r\ndata: 2\r\n\r\n", "|message|1;|message|2;"},
    {"data: 1\r\rdata: 2\r\r", "|message|1;|message|2;"},
    {"data: 1\n\rdata: 2\r\n\ndata: 3\r\r\n", "|message|1;|message|2;|message|3;"},
    {"data: 1\rdata: 2\ndata: 3\r\ndata: 4\n\r", "|message|1$2$3$4;"},
    {"\r\ndata: 1\n\n", "|message|1;"},
    /* fields that are none */
    {"Data: 1\n\n", ""},
    {" data: 1\n\n", ""},
    {"datas: 1\n\n", ""},
    {"dat: 1\n\n", ""},
    {"data : 1\n\n", ""},
    {":data: 1\n\n", ""},
    {"nothing\n\n", ""},
    {"data: a: b\n\n", "|message|a: b;"},
    {"data::\n\n", "|message|:;"},
    {"data:\t1\n\n", "|message|\t1;"},
    /* a byte order mark, at the very beginning only, and only a whole one */
    {"\xef\xbb\xbf"
     "data: 1\n\n",
     "|message|1;"},
    {"\xef\xbb\xbf\ndata: 1\n\n", "|message|1;"},
    {"\xef\xbb\xbf\xef\xbb\xbf"
     "data: 1\n\ndata: 2\n\n",
     "|message|2;"},
    {"\n\xef\xbb\xbf"
     "data: 1\n\n",
     ""},
    {"\xef\xbb"
     "data: 1\n\n",
     ""},
    {"data: \xef\xbb\xbf\n\n", "|message|\xef\xbb\xbf;"},
    /* what is not complete is no event */
    {"data: 1", ""},
    {"data: 1\n", ""},
    {"data: 1\r\n", ""},
};

static void streams_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        struct strbuf list = STRBUF_INIT;
        struct sse_reader reader;
        sse_reader_init(&reader, 1000);
        assert_true(feed(&reader, streams[i].stream, strlen(streams[i].stream), &list));
        if (strcmp(strbuf_cstr(&list), streams[i].events) != 0)
            fail_msg("%s: got %s, expected %s", streams[i].stream, strbuf_cstr(&list),
                     streams[i].events);
        sse_reader_free(&reader);
        strbuf_free(&list);
    }
}

/* Cut in three pieces at every two places, and into single bytes with nothing between them. */
static void streams_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        const char *stream = streams[i].stream;
        size_t len = strlen(stream);
        for (size_t a = 0; a <= len; a++) {
            for (size_t b = a; b <= len; b++) {
                struct strbuf list = STRBUF_INIT;
                struct sse_reader reader;
                sse_reader_init(&reader, 1000);
                assert_true(feed(&reader, stream, a, &list));
                assert_true(feed(&reader, stream + a, b - a, &list));
                assert_true(feed(&reader, stream + b, len - b, &list));
                if (strcmp(strbuf_cstr(&list), streams[i].events) != 0)
                    fail_msg("%s cut at %zu and %zu: got %s", stream, a, b, strbuf_cstr(&list));
                sse_reader_free(&reader);
                strbuf_free(&list);
            }
        }
    }
}

static void single_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        struct strbuf list = STRBUF_INIT;
        struct sse_reader reader;
        sse_reader_init(&reader, 1000);
        for (const char *p = streams[i].stream; *p != '\0'; p++) {
            assert_true(feed(&reader, p, 1, &list));
            assert_true(feed(&reader, "", 0, &list));
        }
        assert_strbuf(&list, streams[i].events);
        sse_reader_free(&reader);
        strbuf_free(&list);
    }
}

static void nul_characters(void **state)
{
    static const char stream[] =
        "id: 1\ndata: a\0b\n\nid: 2\0\ndata: 2\n\nevent: x\0y\ndata:\0\n\n";
    struct strbuf list = STRBUF_INIT;
    struct sse_reader reader;

    (void)state;
    sse_reader_init(&reader, 1000);
    assert_true(feed(&reader, stream, sizeof(stream) - 1, &list));
    /* an id with a NUL character is ignored */
    assert_int_equal(list.len, 34);
    assert_memory_equal(list.data, "1|message|a\0b;1|message|2;1|x\0y|\0;", 34);
    sse_reader_free(&reader);
    strbuf_free(&list);
}

/* What was written is read, whatever its lines end with. */
static void written_events_are_read(void **state)
{
    static const struct {
        const char *data;
        const char *read;
    } cases[] = {
        {"", ""},
        {"1", "1"},
        {" 1", " 1"},
        {"a\nb", "a$b"},
        {"a\r\nb\r", "a$b$"},
        {"\n\n", "$$"},
        {":a", ":a"},
        {"data: x", "data: x"},
        {"\r\n", "$"},
        {"\xef\xbb\xbf", "\xef\xbb\xbf"},
    };
    struct strbuf stream = STRBUF_INIT, list = STRBUF_INIT, expected = STRBUF_INIT;
    struct sse_reader reader;

    (void)state;
    sse_append_retry(&stream, 1000);
    strbuf_append_str(&stream, SSE_COMMENT);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        sse_append_event(&stream, i % 2 == 0 ? i + 42 : 0, unit_span("e\nv"),
                         unit_span(cases[i].data));
        strbuf_append_str(&stream, SSE_COMMENT);
        strbuf_printf(&expected, "%zu|e v|%s;", i / 2 * 2 + 42, cases[i].read);
    }
    sse_reader_init(&reader, 100);
    assert_true(feed(&reader, stream.data, stream.len, &list));
    assert_strbuf(&list, strbuf_cstr(&expected));
    sse_reader_free(&reader);
    strbuf_free(&stream);
    strbuf_free(&list);
    strbuf_free(&expected);
}

/* A stream's first event: the field before it belongs to it, and its id stays for the next. */
static void the_first_event(void **state)
{
    struct strbuf stream = STRBUF_INIT, list = STRBUF_INIT;
    struct sse_reader reader;

    (void)state;
    sse_append_retry(&stream, 1000);
    sse_append_event(&stream, 41, unit_span("hello"), unit_span("{}"));
    sse_append_event(&stream, 0, unit_span("gap"), unit_span("1"));
    assert_strbuf(&stream,
                  "retry: 1000\nid: 41\nevent: hello\ndata: {}\n\nevent: gap\ndata: 1\n\n");
    sse_reader_init(&reader, 100);
    assert_true(feed(&reader, stream.data, stream.len, &list));
    assert_strbuf(&list, "41|hello|{};41|gap|1;");
    sse_reader_free(&reader);
    strbuf_free(&stream);
    strbuf_free(&list);
}

/* Does a reader with that limit take a line of `line` bytes, `count` times in one event? */
static bool takes(size_t limit, size_t line, size_t count, size_t piece)
{
    struct strbuf stream = STRBUF_INIT, list = STRBUF_INIT;
    struct sse_reader reader;
    bool good = true;

    for (size_t i = 0; i < count; i++) {
        strbuf_append_str(&stream, "data:");
        for (size_t k = 5; k < line; k++)
            strbuf_append_char(&stream, 'x');
        strbuf_append_char(&stream, '\n');
    }
    strbuf_append_char(&stream, '\n');
    sse_reader_init(&reader, limit);
    for (size_t pos = 0; pos < stream.len && good; pos += piece)
        good = feed(&reader, stream.data + pos, stream.len - pos < piece ? stream.len - pos : piece,
                    &list);
    assert_int_equal(list.len > 0, good);
    if (!good) /* and it stays that way */
        assert_false(feed(&reader, "\n\ndata: 1\n\n", 11, &list));
    assert_int_equal(list.len > 0, good);
    sse_reader_free(&reader);
    strbuf_free(&stream);
    strbuf_free(&list);
    return good;
}

static void events_have_a_limit(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 400; piece = piece * 3 + 1) {
        assert_true(takes(100, 100, 1, piece));
        assert_false(takes(100, 101, 1, piece));
        assert_true(takes(100, 25, 4, piece)); /* 4 * 20 bytes, and 3 line breaks */
        assert_true(takes(104, 25, 5, piece));
        assert_false(takes(103, 25, 5, piece));
        assert_false(takes(100, 1000, 1, piece));
        assert_true(takes(5, 5, 6, piece)); /* six empty lines: five line breaks */
        assert_false(takes(5, 5, 7, piece));
    }
}

/* The limit is for an event, not for the stream. */
static void a_stream_has_no_limit(void **state)
{
    struct strbuf list = STRBUF_INIT;
    struct sse_reader reader;

    (void)state;
    sse_reader_init(&reader, 16);
    for (int i = 0; i < 1000; i++) {
        strbuf_clear(&list);
        assert_true(
            feed(&reader, ":123456789012345\nid: 12345678\n\ndata: 1234567890\n\n", 49, &list));
        assert_strbuf(&list, "12345678|message|1234567890;");
    }
    sse_reader_free(&reader);
    strbuf_free(&list);
}

/* A line that never ends takes no more memory than the limit and one piece. */
static void an_endless_line(void **state)
{
    char piece[1000];
    struct strbuf list = STRBUF_INIT;
    struct sse_reader reader;
    int fed = 0;

    (void)state;
    memset(piece, 'x', sizeof(piece));
    sse_reader_init(&reader, 10000);
    while (fed < 100 && sse_reader_feed(&reader, piece, sizeof(piece), on_event, &list))
        fed++;
    assert_int_equal(fed, 10);
    assert_in_range(reader.line.len, 10000, 11000);
    assert_null(list.data);
    sse_reader_free(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_written),
        cmocka_unit_test(time_to_connect_again),
        cmocka_unit_test(streams_are_read),
        cmocka_unit_test(streams_cut_anywhere),
        cmocka_unit_test(single_bytes),
        cmocka_unit_test(nul_characters),
        cmocka_unit_test(written_events_are_read),
        cmocka_unit_test(the_first_event),
        cmocka_unit_test(events_have_a_limit),
        cmocka_unit_test(a_stream_has_no_limit),
        cmocka_unit_test(an_endless_line),
    };

    return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
