/*
 * upgrade.h - a connection to the server that has become a WebSocket.
 *
 * The connection belongs to its caller. The program has one thread.
 */
#ifndef STENTORCTL_UPGRADE_H
#define STENTORCTL_UPGRADE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ctl.h"
#include "stentor/base/compiler.h"
#include "stentor/base/strbuf.h"

struct upgrade {
    CURL *curl;
    curl_socket_t fd;    /* to be polled; read and write with the functions below */
    struct strbuf early; /* bytes of the WebSocket that came together with the server's answer */
};

/* Connects and asks for `path` (query may be NULL); complains and returns false when that fails.
 * upgrade_close is due in either case. */
bool upgrade_open(struct upgrade *upgrade, const struct ctl *ctl, const char *path,
                  const char *query, const char *subprotocol) MUST_CHECK;
void upgrade_close(struct upgrade *upgrade);

/* Like recv and send on a non-blocking socket, through TLS if there is any: how many bytes, 0 when
 * the server has closed (recv), or -EAGAIN, or -EIO when the connection is lost. */
ssize_t upgrade_recv(struct upgrade *upgrade, void *data, size_t len) MUST_CHECK;
ssize_t upgrade_send(struct upgrade *upgrade, const void *data, size_t len) MUST_CHECK;

/* Waits for the events (poll's) until the time of clock_ms; false when they did not come. */
bool upgrade_wait(const struct upgrade *upgrade, short events, uint64_t until_ms) MUST_CHECK;

#endif
