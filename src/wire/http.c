#include "stentor/wire/http.h"

#include <string.h>
#include <strings.h>

#include "stentor/base/utf8.h"

#define HTTP_BAD_VERSION "only HTTP/1.0 and HTTP/1.1 are spoken here"

enum { HTTP_KEEP_BYTES = 4096 }; /* of a text that is done with */

static struct http_message *http_of(llhttp_t *parser)
{
    return parser->data;
}

static int http_fail(struct http_message *msg, int status, const char *error)
{
    msg->status = status;
    msg->error = error;
    return HPE_USER;
}

static int http_on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct http_message *msg = http_of(parser);

    if (msg->target.len + len > msg->limits.target)
        return http_fail(msg, 414, "the request target is too long");
    strbuf_append(&msg->target, at, len);
    return 0;
}

/* Continues a header's name or value, whose length grows only when its text did: the headers of a
 * message that failed may still be looked at. */
static int http_append_text(struct http_message *msg, size_t *part_len, const char *at, size_t len)
{
    if (msg->text.len + len > msg->limits.head)
        return http_fail(msg, 431, "the headers are too large");
    strbuf_append(&msg->text, at, len);
    if (msg->text.failed)
        return HPE_USER;
    *part_len += len;
    return 0;
}

static int http_on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct http_message *msg = http_of(parser);

    if (msg->head_done)
        return 0; /* a trailer: it comes after all decisions, and is ignored (RFC 9110, 6.5.1) */
    if (len == 0)
        return 0; /* for http_on_header_field_complete to find */
    if (msg->header_count == 0 || msg->in_value) {
        if (msg->header_count == HTTP_MAX_HEADERS)
            return http_fail(msg, 431, "there are too many headers");
        msg->headers[msg->header_count++] = (struct http_header){.name = msg->text.len};
        msg->in_value = false;
    }
    return http_append_text(msg, &msg->headers[msg->header_count - 1].name_len, at, len);
}

static int http_on_header_field_complete(llhttp_t *parser)
{
    struct http_message *msg = http_of(parser);

    if (msg->head_done)
        return 0;
    if (msg->header_count == 0 || msg->in_value)
        return http_fail(msg, 400, "a header has no name");
    return 0;
}

static int http_on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct http_message *msg = http_of(parser);
    struct http_header *header;

    if (msg->head_done || msg->header_count == 0)
        return 0;
    header = &msg->headers[msg->header_count - 1];
    if (!msg->in_value) {
        header->value = msg->text.len;
        msg->in_value = true;
    }
    return http_append_text(msg, &header->value_len, at, len);
}

/* llhttp calls this also for an empty value, for which it has no span. */
static int http_on_header_value_complete(llhttp_t *parser)
{
    http_of(parser)->in_value = true;
    return 0;
}

static int http_on_headers_complete(llhttp_t *parser)
{
    struct http_message *msg = http_of(parser);

    if (parser->type == HTTP_REQUEST && (parser->http_major != 1 || parser->http_minor > 1))
        return http_fail(msg, 505, HTTP_BAD_VERSION);
    msg->head_done = true;
    msg->upgrade = parser->upgrade != 0;
    return HPE_PAUSED;
}

static int http_on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct http_message *msg = http_of(parser);

    if (msg->body.len + len > msg->limits.body)
        return http_fail(msg, 413, "the body is too large");
    strbuf_append(&msg->body, at, len);
    return 0;
}

static int http_on_message_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t http_settings = {
    .on_url = http_on_url,
    .on_header_field = http_on_header_field,
    .on_header_field_complete = http_on_header_field_complete,
    .on_header_value = http_on_header_value,
    .on_header_value_complete = http_on_header_value_complete,
    .on_headers_complete = http_on_headers_complete,
    .on_body = http_on_body,
    .on_message_complete = http_on_message_complete,
};

void http_message_init(struct http_message *msg, enum http_kind kind,
                       const struct http_limits *limits)
{
    memset(msg, 0, offsetof(struct http_message, headers));
    llhttp_init(&msg->parser, kind == HTTP_KIND_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE,
                &http_settings);
    msg->parser.data = msg;
    msg->limits = *limits;
}

void http_message_free(struct http_message *msg)
{
    strbuf_free(&msg->target);
    strbuf_free(&msg->text);
    strbuf_free(&msg->body);
}

/* Empties a text and keeps its memory, unless it is too much to lie idle. */
static struct strbuf http_emptied(struct strbuf text)
{
    if (text.cap > HTTP_KEEP_BYTES)
        strbuf_free(&text);
    strbuf_clear(&text);
    return text;
}

void http_message_reuse(struct http_message *msg, enum http_kind kind,
                        const struct http_limits *limits)
{
    struct strbuf target = http_emptied(msg->target), text = http_emptied(msg->text);
    struct strbuf body = http_emptied(msg->body);

    http_message_init(msg, kind, limits);
    msg->target = target;
    msg->text = text;
    msg->body = body;
}

static enum http_result http_failed(struct http_message *msg)
{
    llhttp_errno_t code = llhttp_get_errno(&msg->parser);

    if (msg->status != 0)
        return HTTP_FAILED;
    if (code == HPE_INVALID_VERSION || code == HPE_PAUSED_H2_UPGRADE)
        http_fail(msg, 505, HTTP_BAD_VERSION);
    else
        http_fail(msg, 400, llhttp_get_error_reason(&msg->parser));
    return HTTP_FAILED;
}

enum http_result http_message_feed(struct http_message *msg, const void *data, size_t len,
                                   size_t *used)
{
    bool head_was_done = msg->head_done;
    llhttp_errno_t result;

    if (llhttp_get_errno(&msg->parser) == HPE_PAUSED)
        llhttp_resume(&msg->parser);
    *used = len;
    result = llhttp_execute(&msg->parser, data, len);
    if (msg->target.failed || msg->text.failed || msg->body.failed) {
        http_fail(msg, 503, "there is no memory for the request");
        return HTTP_FAILED;
    }
    if (result == HPE_OK)
        return HTTP_MORE;
    if (result != HPE_PAUSED && result != HPE_PAUSED_UPGRADE)
        return http_failed(msg);
    *used = (size_t)(llhttp_get_error_pos(&msg->parser) - (const char *)data);
    if (!head_was_done && msg->head_done)
        return HTTP_HEAD_DONE;
    return HTTP_DONE;
}

bool http_message_finish(struct http_message *msg)
{
    llhttp_errno_t code;
    size_t used;

    if (!msg->head_done)
        return false;
    /* After HTTP_HEAD_DONE the parser has not yet found out whether there is a body. */
    enum http_result result = http_message_feed(msg, "", 0, &used);
    if (result != HTTP_MORE)
        return result == HTTP_DONE;
    code = llhttp_finish(&msg->parser);
    return code == HPE_OK || code == HPE_PAUSED;
}

bool http_message_paused(const struct http_message *msg)
{
    return llhttp_get_errno(&msg->parser) == HPE_PAUSED;
}

void http_refuse_upgrade(struct http_message *msg)
{
    msg->parser.upgrade = 0;
    msg->upgrade = false;
}

uint64_t http_content_length(const struct http_message *msg)
{
    return msg->parser.flags & F_CONTENT_LENGTH ? msg->parser.content_length : 0;
}

bool http_has_body(const struct http_message *msg)
{
    return msg->parser.flags & F_CHUNKED || http_content_length(msg) > 0;
}

const char *http_method(const struct http_message *msg)
{
    return llhttp_method_name((llhttp_method_t)msg->parser.method);
}

bool http_method_is(const struct http_message *msg, llhttp_method_t method)
{
    return msg->parser.method == method;
}

/* A part of the headers' text; before its first byte arrived there is no text to point into. */
static struct span http_text(const struct http_message *msg, size_t at, size_t len)
{
    return len > 0 ? (struct span){msg->text.data + at, len} : (struct span){"", 0};
}

static struct span http_header_name(const struct http_message *msg, unsigned i)
{
    return http_text(msg, msg->headers[i].name, msg->headers[i].name_len);
}

static struct span http_header_value(const struct http_message *msg, unsigned i)
{
    /* llhttp leaves white space behind a value in it. */
    return json_trim(http_text(msg, msg->headers[i].value, msg->headers[i].value_len));
}

bool http_span_equals(struct span text, const char *str)
{
    return strlen(str) == text.len && strncasecmp(text.ptr, str, text.len) == 0;
}

bool http_header(const struct http_message *msg, const char *name, struct span *value)
{
    for (unsigned i = 0; i < msg->header_count; i++) {
        if (http_span_equals(http_header_name(msg, i), name)) {
            *value = http_header_value(msg, i);
            return true;
        }
    }
    return false;
}

bool http_list_next(struct span *list, struct span *element)
{
    while (list->len > 0) {
        const char *comma = memchr(list->ptr, ',', list->len);
        size_t len = comma != NULL ? (size_t)(comma - list->ptr) : list->len;
        size_t skip = comma != NULL ? len + 1 : len;

        *element = json_trim((struct span){list->ptr, len});
        list->ptr += skip;
        list->len -= skip;
        if (element->len > 0)
            return true;
    }
    return false;
}

bool http_header_has_token(const struct http_message *msg, const char *name, const char *token)
{
    for (unsigned i = 0; i < msg->header_count; i++) {
        struct span list = http_header_value(msg, i), element;

        if (!http_span_equals(http_header_name(msg, i), name))
            continue;
        while (http_list_next(&list, &element))
            if (http_span_equals(element, token))
                return true;
    }
    return false;
}

bool http_content_is(const struct http_message *msg, const char *type)
{
    struct span value;
    const char *semicolon;

    if (!http_header(msg, "content-type", &value))
        return false;
    semicolon = value.len > 0 ? memchr(value.ptr, ';', value.len) : NULL;
    if (semicolon != NULL)
        value = json_trim((struct span){value.ptr, (size_t)(semicolon - value.ptr)});
    return http_span_equals(value, type);
}

bool http_header_joined(const struct http_message *msg, const char *name, struct strbuf *out)
{
    bool found = false;

    for (unsigned i = 0; i < msg->header_count; i++) {
        struct span value = http_header_value(msg, i);

        if (!http_span_equals(http_header_name(msg, i), name))
            continue;
        if (found)
            strbuf_append(out, ", ", 2);
        strbuf_append(out, value.ptr, value.len);
        found = true;
    }
    return found;
}

bool http_keep_alive(const struct http_message *msg)
{
    return llhttp_should_keep_alive(&msg->parser) != 0;
}

/* Without scheme and authority, if it is in absolute form (RFC 9112 section 3.2.2). */
static struct span http_origin_form(struct span target)
{
    static const char scheme[] = "http://";
    size_t skip = sizeof(scheme) - 1;

    if (target.len < skip || strncasecmp(target.ptr, scheme, skip) != 0)
        return target;
    while (skip < target.len && target.ptr[skip] != '/' && target.ptr[skip] != '?')
        skip++;
    if (skip == target.len)
        return (struct span){"/", 1};
    return (struct span){target.ptr + skip, target.len - skip};
}

void http_split_target(const struct http_message *msg, struct span *path, struct span *query)
{
    struct span target = http_origin_form((struct span){msg->target.data, msg->target.len});
    const char *mark = target.len > 0 ? memchr(target.ptr, '?', target.len) : NULL;

    path->ptr = target.ptr;
    path->len = mark != NULL ? (size_t)(mark - target.ptr) : target.len;
    query->ptr = mark != NULL ? mark + 1 : "";
    query->len = mark != NULL ? target.len - path->len - 1 : 0;
}

bool http_query_next(struct span *query, struct span *name, struct span *value)
{
    while (query->len > 0) {
        const char *end = memchr(query->ptr, '&', query->len);
        size_t len = end != NULL ? (size_t)(end - query->ptr) : query->len;
        size_t skip = end != NULL ? len + 1 : len;
        const char *equals = memchr(query->ptr, '=', len);

        name->ptr = query->ptr;
        name->len = equals != NULL ? (size_t)(equals - query->ptr) : len;
        value->ptr = equals != NULL ? equals + 1 : query->ptr + len;
        value->len = equals != NULL ? len - name->len - 1 : 0;
        query->ptr += skip;
        query->len -= skip;
        if (name->len > 0)
            return true;
    }
    return false;
}

static int http_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool http_decode(struct span text, bool in_query, struct strbuf *out)
{
    size_t start = out->len;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '+' && in_query) {
            c = ' ';
        } else if (c == '%') {
            int high = text.len - i > 2 ? http_hex(text.ptr[i + 1]) : -1;
            int low = text.len - i > 2 ? http_hex(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        strbuf_append_char(out, c);
    }
    if (out->failed)
        return false;
    return out->len == start || utf8_valid(out->data + start, out->len - start);
}

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {304, "Not Modified"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {417, "Expectation Failed"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

void http_append_head(struct strbuf *out, int status, const char *headers, size_t content_length,
                      bool keep_alive)
{
    strbuf_printf(out, "HTTP/1.1 %d %s\r\n%s", status, http_reason(status),
                  headers != NULL ? headers : "");
    if (status >= 200 && status != 204 && status != 304)
        strbuf_printf(out, "Content-Length: %zu\r\n", content_length);
    strbuf_printf(out, "Connection: %s\r\n\r\n", keep_alive ? "keep-alive" : "close");
}
