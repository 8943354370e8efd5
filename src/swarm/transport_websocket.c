/* WebSocket (RFC 6455), whatever is said in its messages. While half a frame has been read, `extra`
 * is the reader that has it; otherwise clients use the crowd's in turn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/crypto.h"
#include "stentor/base/obj.h"
#include "stentor/wire/websocket.h"

#include "answer.h"
#include "audience.h"
#include "client.h"
#include "crowd.h"
#include "transport.h"

enum {
    WEBSOCKET_STOP = 1, /* below every close code */
    WEBSOCKET_SWITCHING = 101,
};

static void websocket_send(struct client *client, enum ws_opcode opcode, const void *payload,
                           size_t len)
{
    struct strbuf frame = STRBUF_INIT;
    uint64_t random = crowd_random(client->crowd);
    uint8_t mask[4];

    memcpy(mask, &random, sizeof(mask));
    ws_append_masked_frame(&frame, opcode, payload, len, mask);
    ENSURE(!frame.failed);
    link_write(&client->link, frame.data, frame.len);
    strbuf_free(&frame);
}

/* A text message with the type's digit in front; or a binary one, in protocol 3 with the type. */
static const char *websocket_send_packet(struct client *client,
                                         const struct engine_io_packet *packet)
{
    struct strbuf message = STRBUF_INIT;

    if (!packet->binary)
        strbuf_append_char(&message, (char)packet->type);
    else if (client->audience->transport->engine_io == ENGINE_IO_PROTOCOL_OLD)
        strbuf_append_char(&message, (char)(packet->type - '0'));
    strbuf_append(&message, packet->data.ptr, packet->data.len);
    ENSURE(!message.failed);
    websocket_send(client, packet->binary ? WS_BINARY : WS_TEXT, message.data, message.len);
    strbuf_free(&message);
    return NULL;
}

/* The Sec-WebSocket-Key: a function of the client's number, so that it need not be remembered. */
void transport_websocket_append_key(const struct client *client, struct strbuf *out)
{
    uint64_t key[2];

    key[0] = client_number(client) * UINT64_C(0x9e3779b97f4a7c15);
    key[1] = client->crowd->start_ns;
    crypto_base64(out, key, sizeof(key));
}

static void websocket_connected(struct client *client)
{
    const struct audience *audience = client->audience;
    struct strbuf *request = &client->crowd->scratch;

    strbuf_clear(request);
    strbuf_append_str(request, "GET ");
    strbuf_append(request, audience->target.data, audience->target.len);
    strbuf_append_str(request, " HTTP/1.1\r\n");
    strbuf_append(request, audience->headers.data, audience->headers.len);
    strbuf_append_str(request, "Sec-WebSocket-Key: ");
    transport_websocket_append_key(client, request);
    strbuf_append_str(request, "\r\n\r\n");
    ENSURE(!request->failed);
    link_write(&client->link, request->data, request->len);
}

static void websocket_say(struct client *client, bool binary, struct span data)
{
    websocket_send(client, binary ? WS_BINARY : WS_TEXT, data.ptr, data.len);
}

/* What a plain client is to say first: its template with the room and its number. */
static void websocket_say_hello(struct client *client)
{
    const struct options *options = client->crowd->options;
    struct strbuf text = STRBUF_INIT;

    for (const char *p = options->hello; *p != '\0';) {
        if (strncmp(p, "{room}", 6) == 0) {
            strbuf_append_str(&text, options->room != NULL ? options->room : "");
            p += 6;
        } else if (strncmp(p, "{client}", 8) == 0) {
            strbuf_printf(&text, "%u", client_number(client));
            p += 8;
        } else {
            strbuf_append_char(&text, *p++);
        }
    }
    ENSURE(!text.failed);
    websocket_send(client, WS_TEXT, text.data, text.len);
    strbuf_free(&text);
}

/* NULL when the server has opened the WebSocket, or the cause why it has not. */
const char *transport_websocket_check(const struct client *client,
                                      const struct http_message *answer)
{
    struct crowd *crowd = client->crowd;
    char accept[WS_ACCEPT_LEN + 1];
    struct span value;

    if (answer->parser.status_code != WEBSOCKET_SWITCHING)
        return crowd_http_cause(crowd, answer);
    strbuf_clear(&crowd->scratch);
    transport_websocket_append_key(client, &crowd->scratch);
    ws_accept_key(crowd->scratch.data, crowd->scratch.len, accept);
    if (!http_header_has_token(answer, "upgrade", "websocket") ||
        !http_header(answer, "sec-websocket-accept", &value) || value.len != WS_ACCEPT_LEN ||
        memcmp(value.ptr, accept, WS_ACCEPT_LEN) != 0)
        return "handshake";
    return NULL;
}

static const char *websocket_closed_by_server(struct client *client, const uint8_t *payload,
                                              size_t len)
{
    struct crowd *crowd = client->crowd;
    const char *reason;
    size_t reason_len;
    int code = ws_close_parse(payload, len, &reason, &reason_len);

    snprintf(crowd->cause, sizeof(crowd->cause), "close_%d%s%.*s", code, reason_len > 0 ? " " : "",
             (int)reason_len, reason);
    websocket_send(client, WS_CLOSE, payload, len < 2 ? 0 : 2);
    return crowd->cause;
}

static int websocket_on_message(void *arg, enum ws_opcode opcode, const uint8_t *payload,
                                size_t len)
{
    struct client *client = arg;
    struct span data = {(const char *)payload, len};
    const char *cause = NULL;

    switch (opcode) {
    case WS_PING:
        crowd_on_ping(client->crowd, client);
        websocket_send(client, WS_PONG, payload, len);
        break;
    case WS_CLOSE:
        cause = websocket_closed_by_server(client, payload, len);
        break;
    case WS_TEXT:
    case WS_BINARY:
        cause = client->audience->transport->message(client, opcode == WS_BINARY, data);
        break;
    default:
        break;
    }
    if (cause == NULL)
        return 0;
    if (cause != client->crowd->cause)
        snprintf(client->crowd->cause, sizeof(client->crowd->cause), "%s", cause);
    return WEBSOCKET_STOP;
}

/* Half a frame stays behind: the client gets the reader, and the crowd a fresh one. */
static void websocket_take_reader(struct client *client)
{
    struct crowd *crowd = client->crowd;
    struct ws_reader *reader = malloc(sizeof(*reader));

    ENSURE(reader != NULL);
    *reader = crowd->reader;
    ws_reader_init(&crowd->reader);
    client->extra = reader;
}

static void websocket_release(struct client *client)
{
    struct ws_reader *reader = client->extra;

    if (reader != NULL)
        ws_reader_free(reader);
    free(reader);
    client->extra = NULL;
}

static void websocket_read_frames(struct client *client, uint8_t *data, size_t len)
{
    struct crowd *crowd = client->crowd;
    bool own = client->extra != NULL;
    struct ws_reader *reader = own ? client->extra : &crowd->reader;
    int result =
        ws_reader_feed(reader, &crowd->reader_config, data, len, websocket_on_message, client);

    if (result != 0) {
        if (!own) {
            ws_reader_free(reader);
            ws_reader_init(reader);
        }
        client_drop(client, result == WEBSOCKET_STOP ? crowd->cause : "websocket_protocol");
    } else if (own && ws_reader_idle(reader)) {
        websocket_release(client);
    } else if (!own && !ws_reader_idle(reader)) {
        websocket_take_reader(client);
    }
}

/* The answer's head is complete; frames may follow it at once. */
static void websocket_opened(struct client *client, const struct http_message *answer,
                             uint8_t *rest, size_t len)
{
    const char *cause = transport_websocket_check(client, answer);

    if (cause != NULL) {
        client_drop(client, cause);
        return;
    }
    answer_free(&client->answer);
    client->state = CLIENT_JOINING;
    if (client->audience->transport->joined_by_handshake) {
        if (client->crowd->options->hello != NULL)
            websocket_say_hello(client);
        crowd_on_joined(client->crowd, client);
    }
    if (len > 0)
        websocket_read_frames(client, rest, len);
}

static void websocket_received(struct client *client, uint8_t *data, size_t len)
{
    struct http_message *answer;
    size_t used;

    if (client->state != CLIENT_OPENING) {
        websocket_read_frames(client, data, len);
        return;
    }
    switch (answer_feed(&client->crowd->answer, &client->answer, true, data, len, &used, &answer)) {
    case HTTP_MORE:
        break;
    case HTTP_HEAD_DONE:
        websocket_opened(client, answer, data + used, len - used);
        break;
    case HTTP_DONE:
    case HTTP_FAILED:
        client_drop(client, "handshake");
        break;
    }
}

static void websocket_close(struct client *client)
{
    static const uint8_t normal[2] = {WS_CODE_NORMAL >> 8, WS_CODE_NORMAL & 0xff};

    websocket_send(client, WS_CLOSE, normal, sizeof(normal));
}

const struct transport_ops transport_websocket = {
    .connected = websocket_connected,
    .received = websocket_received,
    .send = websocket_send_packet,
    .say = websocket_say,
    .close = websocket_close,
    .release = websocket_release,
};
