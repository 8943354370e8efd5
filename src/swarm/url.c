#include "url.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool url_skip(const char **text, const char *prefix)
{
    size_t len = strlen(prefix);

    if (strncasecmp(*text, prefix, len) != 0)
        return false;
    *text += len;
    return true;
}

static bool url_copy(char *to, size_t size, const char *from, size_t len)
{
    if (len >= size)
        return false;
    memcpy(to, from, len);
    to[len] = '\0';
    return true;
}

static bool url_port_valid(const char *port)
{
    long value = strtol(port, NULL, 10);

    return port[0] != '\0' && strspn(port, "0123456789") == strlen(port) && value > 0 &&
           value <= 65535;
}

/* Splits HOST[:PORT]; an IPv6 address stands in brackets. */
static bool url_parse_authority(const char *text, size_t len, struct url *url, const char **error)
{
    const char *host = text, *end = text + len, *host_end, *port;

    *error = "the host is missing or too long";
    if (!url_copy(url->authority, sizeof(url->authority), text, len))
        return false;
    if (len > 0 && text[0] == '[') {
        host++;
        host_end = memchr(text, ']', len);
        port = host_end != NULL ? host_end + 1 : NULL;
        if (port == NULL || (port < end && *port != ':'))
            return false;
    } else {
        host_end = memchr(text, ':', len);
        host_end = host_end != NULL ? host_end : end;
        port = host_end;
    }
    if (host == host_end ||
        !url_copy(url->host, sizeof(url->host), host, (size_t)(host_end - host)))
        return false;
    *error = "the port must be a number from 1 to 65535";
    if (port == end)
        return url_copy(url->port, sizeof(url->port), url->secure ? "443" : "80",
                        url->secure ? 3 : 2);
    port++;
    return url_copy(url->port, sizeof(url->port), port, (size_t)(end - port)) &&
           url_port_valid(url->port);
}

bool url_parse(const char *text, struct url *url, const char **error)
{
    size_t len;

    memset(url, 0, sizeof(*url));
    url->secure = url_skip(&text, "https://") || url_skip(&text, "wss://");
    if (!url->secure && !url_skip(&text, "http://") && !url_skip(&text, "ws://") &&
        strstr(text, "://") != NULL) {
        *error = "the scheme must be http, ws, https or wss";
        return false;
    }
    len = strcspn(text, "/?#");
    if (!url_parse_authority(text, len, url, error))
        return false;
    text += len;
    *error = "the path is too long, or does not begin with a slash";
    len = strcspn(text, "#");
    if (len == 0 || (len == 1 && *text == '/'))
        return true;
    return *text == '/' && url_copy(url->path, sizeof(url->path), text, len);
}

void url_append_encoded(struct strbuf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (isalnum(c) || strchr("-._~*", c) != NULL)
            strbuf_append_char(out, *text);
        else
            strbuf_printf(out, "%%%02X", c);
    }
}
