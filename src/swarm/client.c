#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stentor/base/clock.h"
#include "stentor/base/crypto.h"
#include "stentor/base/obj.h"
#include "stentor/wire/http.h"

#include "crowd.h"
#include "dialect.h"

#define CLIENT_MAGIC 0x5c11e275u

enum { CLIENT_STOP = 1 }; /* below every close code */

static const struct http_limits client_limits = {.target = 0, .head = 16384, .body = 0};

static void client_on_event(evutil_socket_t fd, short what, void *arg);

/* Edge-triggered: the kernel need not look at each socket twice. */
static void client_watch(struct client *client, evutil_socket_t fd, short what)
{
    if (client->state != CLIENT_CONNECTING)
        event_del(&client->event);
    event_assign(&client->event, client->crowd->base, fd,
                 (short)(what | EV_PERSIST | EV_CLOSED | EV_ET), client_on_event, client);
    event_add(&client->event, NULL);
}

static void client_free_strbuf(struct strbuf **buf)
{
    if (*buf != NULL)
        strbuf_free(*buf);
    free(*buf);
    *buf = NULL;
}

static void client_keep(struct strbuf **buf, const void *data, size_t len)
{
    if (*buf == NULL)
        *buf = calloc(1, sizeof(**buf));
    ENSURE(*buf != NULL);
    strbuf_append(*buf, data, len);
}

void client_end(struct client *client)
{
    if (client->state == CLIENT_UNUSED || client->state == CLIENT_CLOSED)
        return;
    event_del(&client->event);
    close(event_get_fd(&client->event));
    client->crowd->open--;
    if (client->reader != NULL)
        ws_reader_free(client->reader);
    free(client->reader);
    client->reader = NULL;
    client_free_strbuf(&client->answer);
    client_free_strbuf(&client->unsent);
    client->state = CLIENT_CLOSED;
}

void client_drop(struct client *client, const char *cause)
{
    enum client_state state = client->state;

    client_end(client);
    if (state < CLIENT_JOINED)
        crowd_on_failed(client->crowd, cause);
    else if (state == CLIENT_JOINED)
        crowd_on_lost(client->crowd, client, cause);
}

/* An error is not handled here: the next read finds it as well. */
static void client_write(struct client *client, const void *data, size_t len)
{
    evutil_socket_t fd = event_get_fd(&client->event);
    ssize_t n = 0;

    if (client->unsent == NULL) {
        n = send(fd, data, len, MSG_NOSIGNAL);
        if (n == (ssize_t)len || (n < 0 && errno != EAGAIN))
            return;
        client_watch(client, fd, EV_READ | EV_WRITE);
    }
    n = n > 0 ? n : 0;
    client_keep(&client->unsent, (const char *)data + n, len - (size_t)n);
}

static void client_flush(struct client *client, evutil_socket_t fd)
{
    ssize_t n = send(fd, client->unsent->data, client->unsent->len, MSG_NOSIGNAL);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n >= 0 && (size_t)n < client->unsent->len) {
        strbuf_consume(client->unsent, (size_t)n);
        return;
    }
    client_free_strbuf(&client->unsent);
    client_watch(client, fd, EV_READ);
}

/* Masks keep proxies from being tricked (RFC 6455 section 10.3); nothing depends on theirs being
 * hard to guess in a simulation. */
static uint64_t client_random(struct crowd *crowd)
{
    crowd->random ^= crowd->random << 13;
    crowd->random ^= crowd->random >> 7;
    crowd->random ^= crowd->random << 17;
    return crowd->random;
}

void client_send(struct client *client, enum ws_opcode opcode, const void *payload, size_t len)
{
    struct strbuf frame = STRBUF_INIT;
    uint64_t random = client_random(client->crowd);
    uint8_t mask[4];

    memcpy(mask, &random, sizeof(mask));
    ws_append_masked_frame(&frame, opcode, payload, len, mask);
    ENSURE(!frame.failed);
    client_write(client, frame.data, frame.len);
    strbuf_free(&frame);
}

/* The Sec-WebSocket-Key: a function of the client's place, so that it need not be remembered. */
static void client_append_key(const struct client *client, struct strbuf *out)
{
    uint64_t key[2];

    key[0] = (uint64_t)(client - client->crowd->clients) * 0x9e3779b97f4a7c15u;
    key[1] = client->crowd->start_ns;
    crypto_base64(out, key, sizeof(key));
}

static void client_send_request(struct client *client)
{
    struct crowd *crowd = client->crowd;

    strbuf_clear(&crowd->scratch);
    strbuf_append(&crowd->scratch, crowd->request_head.data, crowd->request_head.len);
    client_append_key(client, &crowd->scratch);
    strbuf_append_str(&crowd->scratch, "\r\n\r\n");
    ENSURE(!crowd->scratch.failed);
    client_write(client, crowd->scratch.data, crowd->scratch.len);
}

/* NULL when the server has opened the WebSocket, or the cause why it has not. */
static const char *client_check_answer(const struct client *client, const struct http_message *msg)
{
    struct crowd *crowd = client->crowd;
    char accept[WS_ACCEPT_LEN + 1];
    struct span value;

    if (msg->parser.status_code != 101) {
        snprintf(crowd->cause, sizeof(crowd->cause), "http_%d", msg->parser.status_code);
        return crowd->cause;
    }
    strbuf_clear(&crowd->scratch);
    client_append_key(client, &crowd->scratch);
    ws_accept_key(crowd->scratch.data, crowd->scratch.len, accept);
    if (!http_header_has_token(msg, "upgrade", "websocket") ||
        !http_header(msg, "sec-websocket-accept", &value) || value.len != WS_ACCEPT_LEN ||
        memcmp(value.ptr, accept, WS_ACCEPT_LEN) != 0)
        return "handshake";
    return NULL;
}

static const char *client_closed_by_server(struct client *client, const uint8_t *payload,
                                           size_t len)
{
    struct crowd *crowd = client->crowd;
    const char *reason;
    size_t reason_len;
    int code = ws_close_parse(payload, len, &reason, &reason_len);

    snprintf(crowd->cause, sizeof(crowd->cause), "close_%d%s%.*s", code, reason_len > 0 ? " " : "",
             (int)reason_len, reason);
    client_send(client, WS_CLOSE, payload, len < 2 ? 0 : 2);
    return crowd->cause;
}

static int client_on_message(void *arg, enum ws_opcode opcode, const uint8_t *payload, size_t len)
{
    struct client *client;
    const char *cause = NULL;

    OBJ_CAST(client, arg, CLIENT_MAGIC);
    client->opcode = (uint8_t)opcode;
    switch (opcode) {
    case WS_PING:
        crowd_on_ping(client->crowd, client);
        client_send(client, WS_PONG, payload, len);
        break;
    case WS_CLOSE:
        cause = client_closed_by_server(client, payload, len);
        break;
    case WS_TEXT:
    case WS_BINARY:
        cause = dialect_message(client, (const char *)payload, len);
        break;
    default:
        break;
    }
    if (cause == NULL)
        return 0;
    if (cause != client->crowd->cause)
        snprintf(client->crowd->cause, sizeof(client->crowd->cause), "%s", cause);
    return CLIENT_STOP;
}

/* Half a frame stays behind: the client gets the reader, and the crowd a fresh one. */
static void client_take_reader(struct client *client)
{
    struct crowd *crowd = client->crowd;

    client->reader = malloc(sizeof(*client->reader));
    ENSURE(client->reader != NULL);
    *client->reader = crowd->reader;
    ws_reader_init(&crowd->reader);
}

static void client_read_frames(struct client *client, uint8_t *data, size_t len)
{
    struct crowd *crowd = client->crowd;
    bool own = client->reader != NULL;
    struct ws_reader *reader = own ? client->reader : &crowd->reader;
    int result =
        ws_reader_feed(reader, &crowd->reader_config, data, len, client_on_message, client);

    if (result != 0) {
        if (!own) {
            ws_reader_free(reader);
            ws_reader_init(reader);
        }
        client_drop(client, result == CLIENT_STOP ? crowd->cause : "websocket_protocol");
    } else if (own && ws_reader_idle(reader)) {
        ws_reader_free(reader);
        free(reader);
        client->reader = NULL;
    } else if (!own && !ws_reader_idle(reader)) {
        client_take_reader(client);
    }
}

/* The answer's head is complete; frames may follow it at once. */
static void client_opened(struct client *client, const struct http_message *msg, uint8_t *rest,
                          size_t len)
{
    const char *cause = client_check_answer(client, msg);

    if (cause != NULL) {
        client_drop(client, cause);
        return;
    }
    client->state = CLIENT_JOINING;
    dialect_opened(client);
    if (len > 0)
        client_read_frames(client, rest, len);
}

/* Half an answer is kept as text and read from its start again when there is more of it: that is
 * rare, and cheaper than a parser per connection. */
static void client_read_answer(struct client *client, uint8_t *data, size_t len)
{
    struct strbuf *kept = client->answer;
    struct http_message msg;
    size_t used;

    if (kept != NULL) {
        client_keep(&kept, data, len);
        ENSURE(!kept->failed);
        data = (uint8_t *)kept->data;
        len = kept->len;
    }
    client->answer = NULL;
    http_message_init(&msg, HTTP_KIND_RESPONSE, &client_limits);
    switch (http_message_feed(&msg, data, len, &used)) {
    case HTTP_MORE:
        client->answer = kept;
        if (kept == NULL)
            client_keep(&client->answer, data, len);
        kept = NULL;
        break;
    case HTTP_HEAD_DONE:
        client_opened(client, &msg, data + used, len - used);
        break;
    case HTTP_DONE:
    case HTTP_FAILED:
        client_drop(client, "handshake");
        break;
    }
    http_message_free(&msg);
    client_free_strbuf(&kept);
}

static void client_connected(struct client *client, evutil_socket_t fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error != 0) {
        client_drop(client, tally_errno(error));
        return;
    }
    client->state = CLIENT_UPGRADING;
    client_watch(client, fd, EV_READ);
    client_send_request(client);
}

/* Reads once; returns what recv did. */
static ssize_t client_read(struct client *client, evutil_socket_t fd)
{
    struct crowd *crowd = client->crowd;
    ssize_t n = recv(fd, crowd->buffer, sizeof(crowd->buffer), 0);

    crowd->now_ns = clock_ns();
    if (n > 0) {
        crowd->wire_bytes += (uint64_t)n;
        if (client->state == CLIENT_UPGRADING)
            client_read_answer(client, crowd->buffer, (size_t)n);
        else
            client_read_frames(client, crowd->buffer, (size_t)n);
    } else if (n == 0) {
        client_drop(client, "closed");
    } else if (errno != EAGAIN && errno != EINTR) {
        client_drop(client, tally_errno(errno));
    }
    return n;
}

/* One read empties the socket unless it fills the buffer. Only when the connection has ended is
 * there more to read than bytes: the end itself. */
static void client_readable(struct client *client, evutil_socket_t fd, bool ended)
{
    struct crowd *crowd = client->crowd;
    ssize_t n;

    do {
        n = client_read(client, fd);
    } while (client->state != CLIENT_CLOSED && (n == sizeof(crowd->buffer) || (ended && n > 0)));
    if (crowd->now_ns >= crowd->due_ns || crowd->measure->unfinished < crowd->in_flight)
        crowd->on_due(crowd->arg, crowd->now_ns);
}

static void client_on_event(evutil_socket_t fd, short what, void *arg)
{
    struct client *client;

    OBJ_CAST(client, arg, CLIENT_MAGIC);
    if (client->state == CLIENT_CONNECTING) {
        client_connected(client, fd);
        return;
    }
    if (what & EV_WRITE && client->unsent != NULL)
        client_flush(client, fd);
    if (what & (EV_READ | EV_CLOSED))
        client_readable(client, fd, (what & EV_CLOSED) != 0);
}

void client_start(struct client *client, struct crowd *crowd)
{
    int fd = -EMFILE;

    OBJ_INIT(client, CLIENT_MAGIC);
    client->crowd = crowd;
    if (crowd->open < crowd->max_open)
        fd = net_connect(&crowd->target,
                         net_source(&crowd->sources, (unsigned)(client - crowd->clients)));
    if (fd < 0) {
        client->state = CLIENT_CLOSED;
        crowd_on_failed(crowd, tally_errno(-fd));
        return;
    }
    crowd->open++;
    client->state = CLIENT_CONNECTING;
    client_watch(client, fd, EV_WRITE);
}

void client_close(struct client *client)
{
    static const uint8_t normal[2] = {WS_CODE_NORMAL >> 8, WS_CODE_NORMAL & 0xff};

    if (client->state != CLIENT_JOINED) {
        client_end(client);
        return;
    }
    client->state = CLIENT_CLOSING;
    client_send(client, WS_CLOSE, normal, sizeof(normal));
}
