#include "cors.h"

#include <string.h>

#include "http_conn.h"
#include "io_thread.h"

/* Are answers to all origins alike? */
static bool cors_is_open(const struct config *config)
{
    return config->cors_origin_count == 1 && strcmp(config->cors_origins[0], "*") == 0;
}

unsigned cors_find(const struct config *config, const struct http_message *msg)
{
    struct span origin;

    if (config->cors_origin_count == 0 || !http_header(msg, "origin", &origin))
        return 0;
    if (cors_is_open(config))
        return 1;
    for (size_t i = 0; i < config->cors_origin_count; i++)
        if (http_span_equals(origin, config->cors_origins[i]))
            return (unsigned)i + 1;
    return 0;
}

void cors_append(struct strbuf *out, const struct config *config, unsigned kind)
{
    if (config->cors_origin_count > 0 && !cors_is_open(config))
        strbuf_append_str(out, "Vary: Origin\r\n");
    if (kind == 0)
        return;
    strbuf_printf(out, "Access-Control-Allow-Origin: %s\r\n", config->cors_origins[kind - 1]);
    if (config->cors_credentials)
        strbuf_append_str(out, "Access-Control-Allow-Credentials: true\r\n");
}

void cors_on_preflight(struct http_conn *http)
{
    const struct config *config = http->conn->thread->config;
    unsigned kind = cors_find(config, http->msg);
    struct strbuf headers = STRBUF_INIT;

    cors_append(&headers, config, kind);
    if (kind > 0)
        strbuf_append_str(&headers, "Access-Control-Allow-Methods: GET, POST\r\n"
                                    "Access-Control-Allow-Headers: Content-Type, Last-Event-ID\r\n"
                                    "Access-Control-Max-Age: 86400\r\n");
    http_conn_respond(http, 204, strbuf_cstr(&headers), "text/plain", "", 0);
    strbuf_free(&headers);
}
