#include "http_response.h"

#include <string.h>

#include "cors.h"
#include "io_thread.h"
#include "stentor/base/obj.h"
#include "tls.h"

static void http_append_response_head(struct http_conn *http, struct strbuf *out, int status,
                                      const char *headers, const char *type, size_t len)
{
    const struct config *config = http->conn->thread->config;
    struct strbuf lines = STRBUF_INIT;

    if (headers != NULL)
        strbuf_append_str(&lines, headers);
    strbuf_printf(&lines, "Content-Type: %s\r\n", type);
    if (config->hsts > 0 && tls_is_used(http->conn))
        strbuf_printf(&lines, "Strict-Transport-Security: max-age=%d\r\n", config->hsts);
    if (http->msg != NULL && http->endpoint != NULL && http->endpoint->cors)
        cors_append(&lines, config, cors_find(config, http->msg));
    out->failed |= lines.failed;
    /* A body that nobody will read would be taken for the next request. */
    if (http->msg != NULL && !http->body_done && http_has_body(http->msg))
        http->keep_alive = false;
    http_append_head(out, status, strbuf_cstr(&lines), len, http->keep_alive);
    strbuf_free(&lines);
    if (status >= 400)
        stats_add(&http->conn->thread->stats.http_errors, 1);
}

/* The answer has been given to the connection. */
static void http_answered(struct http_conn *http)
{
    http->answered = true;
    if (!http->keep_alive)
        conn_finish(http->conn, CLOSE_FINISHED);
}

/* Without a body for HEAD. */
static bool http_wants_body(const struct http_conn *http)
{
    return http->msg == NULL || !http_method_is(http->msg, HTTP_HEAD);
}

void http_respond(struct http_conn *http, int status, const char *headers, const char *type,
                  const void *body, size_t len)
{
    struct strbuf out = STRBUF_INIT;

    OBJ_CHECK(http, HTTP_CONN_MAGIC);
    http_append_response_head(http, &out, status, headers, type, len);
    if (http_wants_body(http))
        strbuf_append(&out, body, len);
    conn_send_text(http->conn, &out);
    strbuf_free(&out);
    http_answered(http);
}

void http_respond_parts(struct http_conn *http, int status, const char *headers, const char *type,
                        struct refbuf *const *parts, size_t count)
{
    struct strbuf out = STRBUF_INIT;
    size_t len = 0;

    OBJ_CHECK(http, HTTP_CONN_MAGIC);
    for (size_t i = 0; i < count; i++)
        len += parts[i]->len;
    http_append_response_head(http, &out, status, headers, type, len);
    conn_send_text(http->conn, &out);
    strbuf_free(&out);
    if (http_wants_body(http))
        for (size_t i = 0; i < count; i++)
            conn_send_buf(http->conn, parts[i]);
    http_answered(http);
}

void http_respond_error(struct http_conn *http, int status, const char *headers, const char *error,
                        const char *message)
{
    struct strbuf body = STRBUF_INIT;

    strbuf_append_str(&body, "{\"error\":");
    json_append_string(&body, error, strlen(error));
    strbuf_append_str(&body, ",\"message\":");
    json_append_string(&body, message, strlen(message));
    strbuf_append_str(&body, "}\n");
    http_respond(http, status, headers, "application/json", body.data, body.len);
    strbuf_free(&body);
}
