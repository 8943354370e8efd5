/*
 * target.h - the server that a command talks to: a URL, or a unix socket.
 *
 * A target belongs to its caller. The program has one thread.
 */
#ifndef STENTORCTL_TARGET_H
#define STENTORCTL_TARGET_H

#include <curl/curl.h>
#include <stdbool.h>

#include "stentor/base/compiler.h"
#include "stentor/base/strbuf.h"

/* Whom to trust at the other end of TLS, and what to show there. */
struct target_trust {
    const char *ca;     /* file of certificates instead of the system's; NULL: the system's */
    const char *client; /* file with a client certificate and its key; NULL: none */
    bool anybody;       /* do not verify the server */
};

struct target {
    const char *name;      /* as the user wrote it, for messages */
    const char *unix_path; /* NULL: TCP */
    CURLU *url; /* scheme, host, port and the path under which the server's paths begin */
    struct target_trust trust;
};

/* Reads "http://host:port", "https://..." or "unix:/path"; complains and returns false when it is
 * something else. `name` must outlive the target. */
bool target_init(struct target *target, const char *name) MUST_CHECK;
void target_free(struct target *target);

/* Tells `curl` where to connect, and which resource to ask for; `query` may be NULL. */
bool target_apply(const struct target *target, CURL *curl, const char *path,
                  const char *query) MUST_CHECK;

/* Appends what an HTTP request needs that curl does not write: `path?query` with the server's path
 * before it, and the value of the Host header. */
bool target_request_line(const struct target *target, const char *path, const char *query,
                         struct strbuf *resource, struct strbuf *host) MUST_CHECK;

#endif
