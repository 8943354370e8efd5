#include "stentor/wire/sse.h"

#include <string.h>

static bool sse_is_break(char c)
{
    return c == '\n' || c == '\r';
}

/* Appends the text as one line. */
static void sse_append_line(struct strbuf *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        strbuf_append_char(out, sse_is_break(text.ptr[i]) ? ' ' : text.ptr[i]);
    strbuf_append_char(out, '\n');
}

/* Appends a `data` field for each line of the text. */
static void sse_append_data(struct strbuf *out, struct span data)
{
    size_t start = 0;

    for (size_t i = 0; i <= data.len; i++) {
        if (i < data.len && !sse_is_break(data.ptr[i]))
            continue;
        strbuf_append_str(out, "data: ");
        strbuf_append(out, data.ptr + start, i - start);
        strbuf_append_char(out, '\n');
        if (i + 1 < data.len && data.ptr[i] == '\r' && data.ptr[i + 1] == '\n')
            i++;
        start = i + 1;
    }
}

void sse_append_event(struct strbuf *out, uint64_t id, struct span event, struct span data)
{
    if (id != 0)
        strbuf_printf(out, "id: %llu\n", (unsigned long long)id);
    strbuf_append_str(out, "event: ");
    sse_append_line(out, event);
    sse_append_data(out, data);
    strbuf_append_char(out, '\n');
}

void sse_append_retry(struct strbuf *out, unsigned retry_ms)
{
    strbuf_printf(out, "retry: %u\n", retry_ms);
}

void sse_reader_init(struct sse_reader *reader, size_t max_event)
{
    memset(reader, 0, sizeof(*reader));
    reader->max_event = max_event;
}

void sse_reader_free(struct sse_reader *reader)
{
    strbuf_free(&reader->line);
    strbuf_free(&reader->data);
    strbuf_free(&reader->event);
    strbuf_free(&reader->id);
}

static struct span sse_span(const struct strbuf *text)
{
    return text->len > 0 ? (struct span){text->data, text->len} : (struct span){"", 0};
}

static bool sse_name_is(struct span name, const char *text)
{
    return name.len == strlen(text) && memcmp(name.ptr, text, name.len) == 0;
}

/* Splits a line into the name of its field and the value. */
static void sse_split(struct span line, struct span *name, struct span *value)
{
    const char *colon = line.len > 0 ? memchr(line.ptr, ':', line.len) : NULL;

    *name = line;
    *value = (struct span){"", 0};
    if (colon == NULL)
        return;
    name->len = (size_t)(colon - line.ptr);
    *value = (struct span){colon + 1, line.len - name->len - 1};
    if (value->len > 0 && value->ptr[0] == ' ') {
        value->ptr++;
        value->len--;
    }
}

static void sse_take_field(struct sse_reader *reader, struct span name, struct span value)
{
    if (sse_name_is(name, "data")) {
        if (reader->has_data)
            strbuf_append_char(&reader->data, '\n');
        strbuf_append(&reader->data, value.ptr, value.len);
        reader->has_data = true;
    } else if (sse_name_is(name, "event")) {
        strbuf_clear(&reader->event);
        strbuf_append(&reader->event, value.ptr, value.len);
    } else if (sse_name_is(name, "id") &&
               (value.len == 0 || memchr(value.ptr, '\0', value.len) == NULL)) {
        strbuf_clear(&reader->id);
        strbuf_append(&reader->id, value.ptr, value.len);
    }
}

/* An empty line: the event is complete, if there is one. */
static void sse_dispatch(struct sse_reader *reader,
                         void (*on_event)(void *arg, const struct sse_event *event), void *arg)
{
    struct sse_event event = {sse_span(&reader->id), sse_span(&reader->event),
                              sse_span(&reader->data)};

    if (event.event.len == 0)
        event.event = (struct span){"message", 7};
    if (reader->has_data)
        on_event(arg, &event);
    strbuf_clear(&reader->data);
    strbuf_clear(&reader->event);
    reader->has_data = false;
}

static void sse_take_line(struct sse_reader *reader,
                          void (*on_event)(void *arg, const struct sse_event *event), void *arg)
{
    struct span line = sse_span(&reader->line), name, value;

    if (!reader->started && line.len >= 3 && memcmp(line.ptr, "\xef\xbb\xbf", 3) == 0)
        line = (struct span){line.ptr + 3, line.len - 3}; /* a byte order mark */
    reader->started = true;
    if (line.len == 0) {
        sse_dispatch(reader, on_event, arg);
    } else {
        sse_split(line, &name, &value);
        sse_take_field(reader, name, value);
    }
    strbuf_clear(&reader->line);
}

static bool sse_reader_good(const struct sse_reader *reader)
{
    return !reader->line.failed && !reader->data.failed && !reader->event.failed &&
           !reader->id.failed && reader->line.len <= reader->max_event &&
           reader->data.len <= reader->max_event;
}

/* How many bytes come before the next line break. */
static size_t sse_line_length(const char *text, size_t len)
{
    size_t i = 0;

    while (i < len && !sse_is_break(text[i]))
        i++;
    return i;
}

bool sse_reader_feed(struct sse_reader *reader, const void *data, size_t len,
                     void (*on_event)(void *arg, const struct sse_event *event), void *arg)
{
    const char *text = data;
    size_t pos = 0;

    while (pos < len && sse_reader_good(reader)) {
        size_t plain;

        if (reader->after_cr && text[pos] == '\n')
            pos++;
        reader->after_cr = false;
        plain = sse_line_length(text + pos, len - pos);
        strbuf_append(&reader->line, text + pos, plain);
        pos += plain;
        if (pos == len)
            break;
        reader->after_cr = text[pos++] == '\r';
        if (sse_reader_good(reader))
            sse_take_line(reader, on_event, arg);
    }
    return sse_reader_good(reader);
}
