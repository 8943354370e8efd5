/* Server-Sent Events: in pieces of any size, against a reader that is written for clarity; and what
 * was written is read. */
#include "fuzz.h"

#include "stentor/wire/sse.h"

enum { MAX_EVENT = 1 << 16 }; /* more than any input has */

static void list_event(void *arg, const struct sse_event *event)
{
    struct strbuf *list = arg;

    strbuf_printf(list, "%zu %zu %zu ", event->id.len, event->event.len, event->data.len);
    strbuf_append(list, event->id.ptr, event->id.len);
    strbuf_append(list, event->event.ptr, event->event.len);
    strbuf_append(list, event->data.ptr, event->data.len);
}

static bool read_in_pieces(struct strbuf *list, struct span stream, uint32_t seed, size_t max_event)
{
    struct sse_reader reader;
    bool good = true;

    sse_reader_init(&reader, max_event);
    for (size_t pos = 0; good && pos < stream.len;) {
        size_t piece = seed == 0 ? stream.len : fuzz_piece(&seed, stream.len - pos);
        char *copy = fuzz_copy(stream.ptr + pos, piece);
        good = sse_reader_feed(&reader, copy, piece, list_event, list);
        free(copy);
        pos += piece;
    }
    sse_reader_free(&reader);
    return good;
}

struct reference {
    struct strbuf id, event, data;
    struct strbuf *list;
};

static struct span span_of(const struct strbuf *text)
{
    return (struct span){text->len > 0 ? text->data : "", text->len};
}

/* One line, as the standard's section 9.2.6 puts it; data has its line feed behind each line. */
static void reference_line(struct reference *r, struct span line)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    size_t name = colon != NULL ? (size_t)(colon - line.ptr) : line.len;
    size_t skip = colon == NULL                            ? name
                  : name + 1 < line.len && colon[1] == ' ' ? name + 2
                                                           : name + 1;
    struct span value = {line.ptr + skip, line.len - skip};

    if (line.len == 0) {
        struct sse_event event = {span_of(&r->id), span_of(&r->event), span_of(&r->data)};
        if (event.event.len == 0)
            event.event = (struct span){"message", 7};
        event.data.len -= event.data.len > 0;
        if (r->data.len > 0)
            list_event(r->list, &event);
        strbuf_clear(&r->data);
        strbuf_clear(&r->event);
    } else if (name == 4 && memcmp(line.ptr, "data", 4) == 0) {
        strbuf_append(&r->data, value.ptr, value.len);
        strbuf_append_char(&r->data, '\n');
    } else if (name == 5 && memcmp(line.ptr, "event", 5) == 0) {
        strbuf_clear(&r->event);
        strbuf_append(&r->event, value.ptr, value.len);
    } else if (name == 2 && memcmp(line.ptr, "id", 2) == 0 &&
               memchr(value.ptr, '\0', value.len) == NULL) {
        strbuf_clear(&r->id);
        strbuf_append(&r->id, value.ptr, value.len);
    }
}

static void reference_read(struct strbuf *list, struct span stream)
{
    struct reference r = {STRBUF_INIT, STRBUF_INIT, STRBUF_INIT, list};
    size_t start = stream.len >= 3 && memcmp(stream.ptr, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    for (size_t i = start; i < stream.len; i++) {
        if (stream.ptr[i] != '\r' && stream.ptr[i] != '\n')
            continue;
        reference_line(&r, (struct span){stream.ptr + start, i - start});
        if (stream.ptr[i] == '\r' && i + 1 < stream.len && stream.ptr[i + 1] == '\n')
            i++;
        start = i + 1;
    }
    strbuf_free(&r.id);
    strbuf_free(&r.event);
    strbuf_free(&r.data);
}

static void check_stream(struct span stream, uint32_t seed)
{
    struct strbuf expected = STRBUF_INIT, whole = STRBUF_INIT, pieces = STRBUF_INIT;
    struct strbuf limited = STRBUF_INIT;

    reference_read(&expected, stream);
    FUZZ_REQUIRE(read_in_pieces(&whole, stream, 0, MAX_EVENT));
    FUZZ_REQUIRE(read_in_pieces(&pieces, stream, seed, MAX_EVENT));
    FUZZ_REQUIRE(fuzz_same(&whole, &expected));
    FUZZ_REQUIRE(fuzz_same(&pieces, &expected));
    if (read_in_pieces(&limited, stream, seed, seed % 32))
        FUZZ_REQUIRE(fuzz_same(&limited, &expected));
    else
        FUZZ_REQUIRE(limited.len <= expected.len);
    FUZZ_REQUIRE(limited.len == 0 || memcmp(limited.data, expected.data, limited.len) == 0);
    strbuf_free(&expected);
    strbuf_free(&whole);
    strbuf_free(&pieces);
    strbuf_free(&limited);
}

/* An event with the text as its name and data, between two others. */
static void check_written(struct span text, uint32_t seed)
{
    struct strbuf stream = STRBUF_INIT, list = STRBUF_INIT, expected = STRBUF_INIT;
    struct strbuf name = STRBUF_INIT, data = STRBUF_INIT;

    for (size_t i = 0; i < text.len; i++) {
        bool line_end = text.ptr[i] == '\r' || text.ptr[i] == '\n';
        strbuf_append_char(&name, line_end ? ' ' : text.ptr[i]);
        if (i == 0 || text.ptr[i] != '\n' || text.ptr[i - 1] != '\r')
            strbuf_append_char(&data, line_end ? '\n' : text.ptr[i]);
    }
    if (name.len == 0)
        strbuf_append_str(&name, "message");
    sse_append_retry(&stream, 1000);
    sse_append_event(&stream, 1, (struct span){"a", 1}, (struct span){"", 0});
    sse_append_event(&stream, 2, text, text);
    strbuf_append_str(&stream, SSE_COMMENT);
    sse_append_event(&stream, 0, (struct span){"b", 1}, (struct span){"1", 1});
    list_event(&expected, &(struct sse_event){{"1", 1}, {"a", 1}, {"", 0}});
    list_event(&expected, &(struct sse_event){{"2", 1}, span_of(&name), span_of(&data)});
    list_event(&expected, &(struct sse_event){{"2", 1}, {"b", 1}, {"1", 1}});
    FUZZ_REQUIRE(read_in_pieces(&list, (struct span){stream.data, stream.len}, seed, MAX_EVENT));
    FUZZ_REQUIRE(fuzz_same(&list, &expected));
    strbuf_free(&stream);
    strbuf_free(&list);
    strbuf_free(&expected);
    strbuf_free(&name);
    strbuf_free(&data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size < 1)
        return 0;
    text = fuzz_copy(data + 1, size - 1);
    check_stream((struct span){text, size - 1}, data[0]);
    check_written((struct span){text, size - 1}, data[0]);
    free(text);
    return 0;
}
