#include "static_endpoint.h"

#include <stdio.h>
#include <string.h>

#include "io_thread.h"
#include "server.h"

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
        http_conn_respond(http, 304, headers, file->type, "", 0);
    else
        http_conn_respond_buf(http, 200, headers, file->type, file->content);
}

static void static_on_request(struct http_conn *http)
{
    const struct static_file *file = NULL;
    struct strbuf decoded = STRBUF_INIT;
    struct span path, query;

    http_split_target(http->msg, &path, &query);
    if (http_decode(path, false, &decoded))
        file = static_files_find(&http->conn->thread->server->static_files,
                                 (struct span){decoded.data, decoded.len});
    strbuf_free(&decoded);
    if (file != NULL)
        static_respond(http, file);
    else
        http_conn_error(http, 404, NULL, "not_found",
                        "there is nothing at this path; see stentor-protocol(7)");
}

const struct endpoint static_endpoint = {
    .path = "/",
    .subtree = true,
    .methods = 1u << HTTP_GET | 1u << HTTP_HEAD,
    .allow = "GET, HEAD",
    .on_request = static_on_request,
};
