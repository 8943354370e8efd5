/*
 * url.h - the parts of the URLs that the command line takes.
 *
 * A `struct url` is plain data of its caller's. Pure functions; any thread.
 */
#ifndef STENTOR_SWARM_URL_H
#define STENTOR_SWARM_URL_H

#include <stdbool.h>

#include "stentor/base/compiler.h"
#include "stentor/base/strbuf.h"

enum { URL_MAX_HOST = 256, URL_MAX_PATH = 1024 };

struct url {
    char host[URL_MAX_HOST];          /* without the brackets of an IPv6 address */
    char port[6];                     /* decimal */
    char authority[URL_MAX_HOST + 9]; /* what the Host header says */
    bool secure;                      /* https or wss */
    char path[URL_MAX_PATH];          /* with the query; "" when the URL has none, or just "/" */
};

/* Reads `[http://, ws://, https:// or wss://]HOST[:PORT][/PATH]`; on false `*error` says what is
 * wrong. */
bool url_parse(const char *text, struct url *url, const char **error) MUST_CHECK;

/* Appends `text` percent-encoded, as a part of a path or of a query. */
void url_append_encoded(struct strbuf *out, const char *text);

#endif
