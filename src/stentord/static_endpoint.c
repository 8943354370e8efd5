#include "static_endpoint.h"

#include <stdio.h>
#include <string.h>

#include "http_response.h"
#include "io_thread.h"

/* Does the client have the file already (RFC 9110 section 13.1.2)? Tags are compared weakly. */
static bool static_is_known(const struct http_conn *http, const struct static_file *file)
{
    struct strbuf tags = STRBUF_INIT;
    struct span list, tag;
    bool known = false;

    if (!http_header_joined(http->msg, "if-none-match", &tags)) {
        strbuf_free(&tags);
        return false;
    }
    list = (struct span){tags.data, tags.len};
    while (!known && http_list_next(&list, &tag)) {
        if (tag.len > 2 && memcmp(tag.ptr, "W/", 2) == 0)
            tag = (struct span){tag.ptr + 2, tag.len - 2};
        known = (tag.len == 1 && tag.ptr[0] == '*') ||
                (tag.len == strlen(file->etag) && memcmp(tag.ptr, file->etag, tag.len) == 0);
    }
    strbuf_free(&tags);
    return known;
}

static void static_respond(struct http_conn *http, const struct static_file *file)
{
    char headers[128];

    snprintf(headers, sizeof(headers), "ETag: %s\r\nCache-Control: no-cache\r\n", file->etag);
    if (static_is_known(http, file))
        http_respond(http, 304, headers, file->type, "", 0);
    else
        http_respond_parts(http, 200, headers, file->type, &file->content, 1);
}

static const struct static_file *static_find(const struct http_conn *http, struct strbuf *path)
{
    return static_files_find(&http->conn->thread->config->static_files,
                             (struct span){path->data, path->len});
}

/* "/a" where there is a directory: its page is at "/a/", so that relative links in it are right.
 * The path goes back as it came, so it cannot break out of the header. */
static void static_redirect(struct http_conn *http, struct span path, struct span query)
{
    struct strbuf headers = STRBUF_INIT;

    strbuf_printf(&headers, "Location: %.*s/%s%.*s\r\n", (int)path.len, path.ptr,
                  query.len > 0 ? "?" : "", (int)query.len, query.ptr);
    http_respond(http, 301, strbuf_cstr(&headers), "text/plain; charset=utf-8", "", 0);
    strbuf_free(&headers);
}

static void static_on_request(struct http_conn *http)
{
    const struct static_file *file = NULL;
    struct strbuf decoded = STRBUF_INIT;
    struct span path, query;
    bool directory = false;

    http_split_target(http->msg, &path, &query);
    if (http_decode(path, false, &decoded)) {
        file = static_find(http, &decoded);
        strbuf_append_char(&decoded, '/');
        directory = file == NULL && !decoded.failed && static_find(http, &decoded) != NULL;
    }
    strbuf_free(&decoded);
    if (file != NULL)
        static_respond(http, file);
    else if (directory)
        static_redirect(http, path, query);
    else
        http_respond_error(http, 404, NULL, "not_found",
                           "there is nothing at this path; see stentor-protocol(7)");
}

const struct endpoint static_endpoint = {
    .path = "/",
    .subtree = true,
    .methods = 1u << HTTP_GET | 1u << HTTP_HEAD,
    .allow = "GET, HEAD",
    .on_request = static_on_request,
};
