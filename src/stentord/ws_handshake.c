#include "ws_handshake.h"

#include <stdlib.h>

#include "http_response.h"
#include "io_thread.h"

bool ws_handshake_check(struct http_conn *http)
{
    const struct http_message *msg = http->msg;
    struct span key, version;

    if (!msg->upgrade || !http_header_has_token(msg, "upgrade", "websocket")) {
        http_respond_error(http, 426, "Upgrade: websocket\r\n", "upgrade_required",
                           "this path speaks WebSocket; connect with ws:// or wss://");
        return false;
    }
    if (!http_header(msg, "sec-websocket-version", &version) || !http_span_equals(version, "13")) {
        http_respond_error(http, 426, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
                           "upgrade_required", "the WebSocket version understood here is 13");
        return false;
    }
    if (msg->parser.http_minor < 1 || !http_header(msg, "sec-websocket-key", &key) ||
        !ws_key_valid(key.ptr, key.len)) {
        http_respond_error(http, 400, NULL, "bad_handshake",
                           "the handshake needs HTTP/1.1 and a Sec-WebSocket-Key of 16 bytes");
        return false;
    }
    return true;
}

static bool ws_handshake_deflate(const struct http_conn *http, struct strbuf *answer)
{
    struct strbuf offers = STRBUF_INIT;
    bool agreed = false;

    if (http->conn->thread->config->compression &&
        http_header_joined(http->msg, "sec-websocket-extensions", &offers))
        agreed = deflate_negotiate(offers.data, offers.len, answer);
    strbuf_free(&offers);
    return agreed;
}

static void ws_handshake_append(const struct http_conn *http, const char *subprotocol,
                                const struct strbuf *extension, struct strbuf *out)
{
    char accept[WS_ACCEPT_LEN + 1];
    struct span key = {"", 0};

    http_header(http->msg, "sec-websocket-key", &key);
    ws_accept_key(key.ptr, key.len, accept);
    strbuf_printf(out,
                  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
                  accept);
    if (subprotocol != NULL &&
        http_header_has_token(http->msg, "sec-websocket-protocol", subprotocol))
        strbuf_printf(out, "Sec-WebSocket-Protocol: %s\r\n", subprotocol);
    if (extension->len > 0)
        strbuf_printf(out, "Sec-WebSocket-Extensions: %.*s\r\n", (int)extension->len,
                      extension->data);
    strbuf_append_str(out, "\r\n");
}

struct ws_conn *ws_handshake_accept(struct http_conn *http, const struct ws_app *app,
                                    const char *subprotocol, struct strbuf *out)
{
    struct strbuf extension = STRBUF_INIT;
    struct conn *conn = http->conn;
    bool deflate = ws_handshake_deflate(http, &extension);
    struct ws_conn *ws = ws_conn_new(conn, app, deflate);

    ws_handshake_append(http, subprotocol, &extension, out);
    strbuf_free(&extension);
    if (ws == NULL || out->failed) {
        free(ws);
        conn_close(conn, CLOSE_NO_MEMORY);
        return NULL;
    }
    conn_clear_deadline(conn);
    http_conn_upgrade(http, &ws_conn_protocol, ws);
    stats_add(&conn->thread->stats.handshakes, 1);
    return ws;
}
