#include "redirect.h"

#include <ctype.h>
#include <string.h>

#include "http_conn.h"
#include "http_response.h"

enum { REDIRECT_HTTPS = 443 };

/* The name in a Host header, without a port; false when it could not stand in a URL. */
static bool redirect_host(struct span *host)
{
    size_t len = host->len;

    while (len > 0 && host->ptr[len - 1] >= '0' && host->ptr[len - 1] <= '9')
        len--;
    if (len > 0 && host->ptr[len - 1] == ':') /* of an IPv6 address, it stands in brackets */
        host->len = len - 1;
    for (size_t i = 0; i < host->len; i++)
        if (!isalnum((unsigned char)host->ptr[i]) && strchr("-._[]:", host->ptr[i]) == NULL)
            return false;
    return host->len > 0;
}

/* The target as it came; what would end the header line or begin another host is not one. */
static bool redirect_target(struct span target)
{
    for (size_t i = 0; i < target.len; i++)
        if ((unsigned char)target.ptr[i] <= ' ' || target.ptr[i] == 0x7f)
            return false;
    return target.len > 0 && target.ptr[0] == '/';
}

void redirect_answer(struct http_conn *http, uint16_t port)
{
    static const char text[] = "This is at https.\n";
    struct span host = {"", 0}, target = {http->msg->target.data, http->msg->target.len};
    struct strbuf headers = STRBUF_INIT;

    if (!http_header(http->msg, "host", &host) || !redirect_host(&host) ||
        !redirect_target(target)) {
        http_respond_error(http, 400, NULL, "bad_request",
                           "this port only sends clients to https, which takes a Host header and a "
                           "target that begins with /");
        return;
    }
    strbuf_printf(&headers, "Location: https://%.*s", (int)host.len, host.ptr);
    if (port != REDIRECT_HTTPS)
        strbuf_printf(&headers, ":%u", port);
    strbuf_append(&headers, target.ptr, target.len);
    strbuf_append_str(&headers, "\r\n");
    http_respond(http, 308, strbuf_cstr(&headers), "text/plain; charset=utf-8", text,
                 sizeof(text) - 1);
    strbuf_free(&headers);
}
