#include "cors.h"

#include <string.h>

#include "http_conn.h"
#include "http_response.h"
#include "io_thread.h"

/* Are answers to all origins alike? */
static bool cors_is_open(const struct config *config)
{
    return config->cors_origin_count == 1 && strcmp(config->cors_origins[0], "*") == 0;
}

unsigned cors_renumber(const struct config *old, const struct config *fresh, unsigned kind)
{
    if (kind == 0 || kind == CORS_ANY)
        return kind;
    if (cors_is_open(fresh))
        return CORS_ANY;
    for (size_t i = 0; i < fresh->cors_origin_count; i++)
        if (strcmp(fresh->cors_origins[i], old->cors_origins[kind - 1]) == 0)
            return (unsigned)i + 1;
    return 0;
}

unsigned cors_find(const struct config *config, const struct http_message *msg)
{
    struct span origin;

    if (config->cors_origin_count == 0 || !http_header(msg, "origin", &origin))
        return 0;
    if (cors_is_open(config))
        return CORS_ANY;
    for (size_t i = 0; i < config->cors_origin_count; i++)
        if (origin.len == strlen(config->cors_origins[i]) &&
            memcmp(origin.ptr, config->cors_origins[i], origin.len) == 0)
            return (unsigned)i + 1;
    return 0;
}

void cors_append(struct strbuf *out, const struct config *config, unsigned kind)
{
    if (config->cors_origin_count > 0 && !cors_is_open(config))
        strbuf_append_str(out, "Vary: Origin\r\n");
    if (kind == 0)
        return;
    strbuf_printf(out, "Access-Control-Allow-Origin: %s\r\n",
                  kind == CORS_ANY ? "*" : config->cors_origins[kind - 1]);
    if (config->cors_credentials && kind != CORS_ANY)
        strbuf_append_str(out, "Access-Control-Allow-Credentials: true\r\n");
}

/* Every header that the page wants to send may be sent: none of them has a meaning here. */
static void cors_append_allowed(struct strbuf *out, const struct http_message *msg)
{
    struct span wanted;

    strbuf_append_str(out, "Access-Control-Allow-Methods: GET, POST\r\n"
                           "Access-Control-Max-Age: 86400\r\n"
                           "Vary: Access-Control-Request-Headers\r\n");
    if (http_header(msg, "access-control-request-headers", &wanted))
        strbuf_printf(out, "Access-Control-Allow-Headers: %.*s\r\n", (int)wanted.len, wanted.ptr);
}

void cors_on_preflight(struct http_conn *http)
{
    struct strbuf headers = STRBUF_INIT;

    if (cors_find(http->conn->thread->config, http->msg) > 0)
        cors_append_allowed(&headers, http->msg);
    http_respond(http, 204, strbuf_cstr(&headers), "text/plain", "", 0);
    strbuf_free(&headers);
}
