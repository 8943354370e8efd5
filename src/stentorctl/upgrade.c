#include "upgrade.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "complain.h"
#include "request.h"
#include "stentor/base/clock.h"
#include "stentor/base/crypto.h"
#include "stentor/wire/http.h"
#include "stentor/wire/websocket.h"

enum { UPGRADE_CONNECT_SECONDS = 10, UPGRADE_ANSWER_MS = 10000, UPGRADE_MAX_ANSWER = 65536 };

bool upgrade_wait(const struct upgrade *upgrade, short events, uint64_t until_ms)
{
    struct pollfd pfd = {.fd = upgrade->fd, .events = events};
    uint64_t now = clock_ms();

    while (now < until_ms) {
        int n = poll(&pfd, 1, (int)(until_ms - now));

        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        now = clock_ms();
    }
    return false;
}

ssize_t upgrade_recv(struct upgrade *upgrade, void *data, size_t len)
{
    size_t n = 0;
    CURLcode result = curl_easy_recv(upgrade->curl, data, len, &n);

    if (result == CURLE_OK)
        return (ssize_t)n;
    return result == CURLE_AGAIN ? -EAGAIN : -EIO;
}

ssize_t upgrade_send(struct upgrade *upgrade, const void *data, size_t len)
{
    size_t n = 0;
    CURLcode result = curl_easy_send(upgrade->curl, data, len, &n);

    if (result == CURLE_OK)
        return (ssize_t)n;
    return result == CURLE_AGAIN ? -EAGAIN : -EIO;
}

static bool upgrade_connect(struct upgrade *upgrade, const struct ctl *ctl)
{
    char detail[CURL_ERROR_SIZE] = "";
    CURLcode result;

    upgrade->curl = curl_easy_init();
    if (upgrade->curl == NULL) {
        complain_no_memory();
        return false;
    }
    if (!target_apply(&ctl->target, upgrade->curl, "/", NULL))
        return false;
    curl_easy_setopt(upgrade->curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(upgrade->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(upgrade->curl, CURLOPT_CONNECTTIMEOUT, (long)UPGRADE_CONNECT_SECONDS);
    /* TLS must not agree on HTTP/2, which has no Upgrade. */
    curl_easy_setopt(upgrade->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(upgrade->curl, CURLOPT_ERRORBUFFER, detail);
    result = curl_easy_perform(upgrade->curl);
    curl_easy_setopt(upgrade->curl, CURLOPT_ERRORBUFFER, NULL);
    if (result == CURLE_OK)
        result = curl_easy_getinfo(upgrade->curl, CURLINFO_ACTIVESOCKET, &upgrade->fd);
    if (result != CURLE_OK)
        request_explain_failure(ctl, upgrade->curl, result, detail);
    return result == CURLE_OK;
}

/* Sends all of it, and waits where the socket is full. */
static bool upgrade_send_all(struct upgrade *upgrade, struct strbuf *out, uint64_t until_ms)
{
    while (out->len > 0) {
        ssize_t n = upgrade_send(upgrade, out->data, out->len);

        if (n > 0)
            strbuf_consume(out, (size_t)n);
        else if (n != -EAGAIN || !upgrade_wait(upgrade, POLLOUT, until_ms))
            return false;
    }
    return true;
}

static bool upgrade_send_request(struct upgrade *upgrade, const struct ctl *ctl, const char *path,
                                 const char *query, const char *subprotocol, const char *key,
                                 uint64_t until_ms)
{
    struct strbuf resource = STRBUF_INIT, host = STRBUF_INIT, out = STRBUF_INIT;
    bool ok = target_request_line(&ctl->target, path, query, &resource, &host);

    if (ok) {
        strbuf_printf(&out,
                      "GET %.*s HTTP/1.1\r\n"
                      "Host: %.*s\r\n"
                      "Upgrade: websocket\r\n"
                      "Connection: Upgrade\r\n"
                      "Sec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: %s\r\n"
                      "Sec-WebSocket-Protocol: %s\r\n"
                      "User-Agent: stentorctl/" STENTOR_VERSION "\r\n\r\n",
                      (int)resource.len, resource.data, (int)host.len, host.data, key, subprotocol);
        ok = !out.failed && upgrade_send_all(upgrade, &out, until_ms);
        if (!ok)
            complain("%s: the connection was lost", ctl->target.name);
    }
    strbuf_free(&resource);
    strbuf_free(&host);
    strbuf_free(&out);
    return ok;
}

/* Reads the server's answer to its end; what follows it is put aside. */
static enum http_result upgrade_read_answer(struct upgrade *upgrade, struct http_message *answer,
                                            uint64_t until_ms)
{
    enum http_result result = HTTP_MORE;
    char data[4096];
    size_t used;

    while (result == HTTP_MORE) {
        ssize_t n = upgrade_recv(upgrade, data, sizeof(data));
        size_t pos = 0;

        if (n == -EAGAIN && upgrade_wait(upgrade, POLLIN, until_ms))
            continue;
        if (n == 0 && http_message_finish(answer))
            return HTTP_DONE;
        if (n <= 0)
            return HTTP_FAILED;
        do {
            result = http_message_feed(answer, data + pos, (size_t)n - pos, &used);
            pos += used;
        } while (result == HTTP_HEAD_DONE);
        strbuf_append(&upgrade->early, data + pos, (size_t)n - pos);
    }
    return upgrade->early.failed ? HTTP_FAILED : result;
}

static bool upgrade_accepted(const struct http_message *answer, const char *key)
{
    char accept[WS_ACCEPT_LEN + 1];
    struct span value;

    ws_accept_key(key, WS_KEY_LEN, accept);
    return http_header(answer, "sec-websocket-accept", &value) && value.len == WS_ACCEPT_LEN &&
           memcmp(value.ptr, accept, WS_ACCEPT_LEN) == 0;
}

static bool upgrade_check_answer(const struct ctl *ctl, const char *path, const char *key,
                                 enum http_result result, const struct http_message *answer)
{
    if (result != HTTP_DONE) {
        complain("%s: no complete HTTP answer came; is it a stentord that answers there?",
                 ctl->target.name);
        return false;
    }
    if (answer->parser.status_code != 101) {
        request_explain(ctl, path, answer->parser.status_code, &answer->body);
        return false;
    }
    if (!upgrade_accepted(answer, key)) {
        complain("%s: the WebSocket handshake was answered wrongly; is it a stentord that answers "
                 "there?",
                 ctl->target.name);
        return false;
    }
    return true;
}

bool upgrade_open(struct upgrade *upgrade, const struct ctl *ctl, const char *path,
                  const char *query, const char *subprotocol)
{
    static const struct http_limits limits = {0, UPGRADE_MAX_ANSWER, UPGRADE_MAX_ANSWER};
    uint64_t until_ms;
    uint8_t nonce[16];
    struct strbuf key = STRBUF_INIT;
    struct http_message answer;
    bool ok;

    memset(upgrade, 0, sizeof(*upgrade));
    upgrade->fd = CURL_SOCKET_BAD;
    if (!upgrade_connect(upgrade, ctl))
        return false;
    until_ms = clock_ms() + UPGRADE_ANSWER_MS;
    crypto_random(nonce, sizeof(nonce));
    crypto_base64(&key, nonce, sizeof(nonce));
    ok = upgrade_send_request(upgrade, ctl, path, query, subprotocol, strbuf_cstr(&key), until_ms);
    if (ok) {
        http_message_init(&answer, HTTP_KIND_RESPONSE, &limits);
        enum http_result result = upgrade_read_answer(upgrade, &answer, until_ms);
        ok = upgrade_check_answer(ctl, path, strbuf_cstr(&key), result, &answer);
        http_message_free(&answer);
    }
    strbuf_free(&key);
    return ok;
}

void upgrade_close(struct upgrade *upgrade)
{
    strbuf_free(&upgrade->early);
    curl_easy_cleanup(upgrade->curl);
    upgrade->curl = NULL;
}
