/* Engine.IO by polling first, and then by WebSocket, as engine.io-client does it by default.
 *
 * As soon as the session is open a WebSocket is opened besides, on a link of its own, and probed.
 * When the probe is answered polling is paused; when nothing is under way there, the upgrade packet
 * is sent, the link becomes the client's own, and from then on it is a WebSocket client like
 * others. If the probe fails the client goes on polling. */
#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"
#include "stentor/wire/websocket.h"

#include "answer.h"
#include "audience.h"
#include "client.h"
#include "crowd.h"
#include "transport.h"

#define UPGRADE_MAGIC 0x0946ade5u

enum upgrade_state { UPGRADE_OPENING, UPGRADE_PROBING, UPGRADE_PAUSING };

/* What a client keeps in `upgrade`. */
struct upgrade {
    unsigned magic;
    enum upgrade_state state;
    struct client *client;
    struct link link;
    struct http_message *answer; /* while it is half read */
    struct ws_reader reader;
    bool confirmed; /* the probe's answer has come */
};

static struct upgrade *upgrade_of(struct link *link)
{
    struct upgrade *upgrade = CONTAINER_OF(link, struct upgrade, link);

    OBJ_CHECK(upgrade, UPGRADE_MAGIC);
    return upgrade;
}

static void upgrade_free(struct client *client)
{
    struct upgrade *upgrade = client->upgrade;

    if (upgrade == NULL)
        return;
    link_close(&upgrade->link);
    answer_free(&upgrade->answer);
    ws_reader_free(&upgrade->reader);
    OBJ_CLEAR(upgrade);
    free(upgrade);
    client->upgrade = NULL;
}

/* The client goes on polling, for good; unless it has paused that already. */
static void upgrade_fail(struct upgrade *upgrade, const char *cause)
{
    struct client *client = upgrade->client;
    bool paused = upgrade->state == UPGRADE_PAUSING;

    tally_add(&client->audience->upgrade_failures, cause);
    if (paused) {
        client_drop(client, cause);
        return;
    }
    link_close(&upgrade->link);
}

static void upgrade_say(struct upgrade *upgrade, const char *text)
{
    struct strbuf frame = STRBUF_INIT;
    uint64_t random = crowd_random(upgrade->client->crowd);
    uint8_t mask[4];

    memcpy(mask, &random, sizeof(mask));
    ws_append_masked_frame(&frame, WS_TEXT, text, strlen(text), mask);
    ENSURE(!frame.failed);
    link_write(&upgrade->link, frame.data, frame.len);
    strbuf_free(&frame);
}

/* Polling has come to rest: the WebSocket takes over. */
static void upgrade_complete(struct upgrade *upgrade)
{
    struct client *client = upgrade->client;

    upgrade_say(upgrade, "5");
    client_adopt(client, &upgrade->link);
    transport_polling.release(client);
    answer_free(&client->answer);
    upgrade_free(client);
    client->upgraded = true;
    client->audience->upgraded++;
}

static void upgrade_go_on(struct client *client)
{
    struct upgrade *upgrade = client->upgrade;

    if (upgrade != NULL && upgrade->state == UPGRADE_PAUSING && transport_polling_rests(client))
        upgrade_complete(upgrade);
}

static void upgrade_on_connected(struct link *link)
{
    static const char polling[] = "transport=polling", websocket[] = "transport=websocket";
    struct client *client = upgrade_of(link)->client;
    struct strbuf *target = &client->audience->target;
    struct strbuf *request = &client->crowd->scratch;
    const char *text = strbuf_cstr(target), *place = strstr(text, polling);

    strbuf_clear(request);
    strbuf_append_str(request, "GET ");
    strbuf_append(request, text, (size_t)(place - text));
    strbuf_append_str(request, websocket);
    strbuf_append_str(request, place + sizeof(polling) - 1);
    transport_polling_append_sid(client, request);
    strbuf_append_str(request, " HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                               "Sec-WebSocket-Version: 13\r\n");
    strbuf_append(request, client->audience->headers.data, client->audience->headers.len);
    strbuf_append_str(request, "Sec-WebSocket-Key: ");
    transport_websocket_append_key(client, request);
    strbuf_append_str(request, "\r\n\r\n");
    ENSURE(!request->failed);
    link_write(link, request->data, request->len);
}

static int upgrade_on_message(void *arg, enum ws_opcode opcode, const uint8_t *payload, size_t len)
{
    struct upgrade *upgrade = arg;

    if (opcode == WS_TEXT && len == 6 && memcmp(payload, "3probe", 6) == 0)
        upgrade->confirmed = true;
    return opcode == WS_CLOSE ? 1 : 0;
}

static void upgrade_read_frames(struct upgrade *upgrade, uint8_t *data, size_t len)
{
    struct client *client = upgrade->client;

    if (ws_reader_feed(&upgrade->reader, &client->crowd->reader_config, data, len,
                       upgrade_on_message, upgrade) != 0) {
        upgrade_fail(upgrade, "upgrade_probe");
    } else if (upgrade->confirmed && upgrade->state == UPGRADE_PROBING) {
        upgrade->state = UPGRADE_PAUSING;
        transport_polling_pause(client);
        upgrade_go_on(client);
    }
}

static void upgrade_on_received(struct link *link, uint8_t *data, size_t len)
{
    struct upgrade *upgrade = upgrade_of(link);
    struct client *client = upgrade->client;
    struct http_message *answer;
    const char *cause = "handshake";
    enum http_result result;
    size_t used;

    if (upgrade->state != UPGRADE_OPENING) {
        upgrade_read_frames(upgrade, data, len);
        return;
    }
    result = answer_feed(&client->crowd->answer, &upgrade->answer, true, data, len, &used, &answer);
    if (result == HTTP_MORE)
        return;
    if (result == HTTP_HEAD_DONE)
        cause = transport_websocket_check(client, answer);
    if (cause != NULL) {
        upgrade_fail(upgrade, cause);
        return;
    }
    answer_free(&upgrade->answer);
    upgrade->state = UPGRADE_PROBING;
    upgrade_say(upgrade, "2probe");
    if (len > used)
        upgrade_read_frames(upgrade, data + used, len - used);
}

static void upgrade_on_ended(struct link *link, const char *cause)
{
    upgrade_fail(upgrade_of(link), cause);
}

static const struct link_ops upgrade_link_ops = {
    .connected = upgrade_on_connected,
    .received = upgrade_on_received,
    .ended = upgrade_on_ended,
};

static void upgrade_begin(struct client *client)
{
    struct upgrade *upgrade = calloc(1, sizeof(*upgrade));
    const char *cause;

    ENSURE(upgrade != NULL);
    OBJ_INIT(upgrade, UPGRADE_MAGIC);
    upgrade->client = client;
    ws_reader_init(&upgrade->reader);
    client->upgrade = upgrade;
    cause = link_open_extra(&upgrade->link, &client->crowd->links, client_number(client),
                            &upgrade_link_ops);
    if (cause != NULL)
        upgrade_fail(upgrade, cause);
}

/* --- One or the other. */

static const struct transport_ops *upgrade_ops(const struct client *client)
{
    return client->upgraded ? &transport_websocket : &transport_polling;
}

static void upgrade_connected(struct client *client)
{
    upgrade_ops(client)->connected(client);
}

static void upgrade_received(struct client *client, uint8_t *data, size_t len)
{
    upgrade_ops(client)->received(client, data, len);
    if (client->upgraded || (client->state != CLIENT_JOINING && client->state != CLIENT_JOINED))
        return;
    if (client->upgrade == NULL)
        upgrade_begin(client);
    else
        upgrade_go_on(client);
}

static void upgrade_ended(struct client *client, const char *cause)
{
    const struct transport_ops *ops = upgrade_ops(client);

    if (ops->ended != NULL)
        ops->ended(client, cause);
    else
        client_drop(client, cause);
}

static const char *upgrade_send(struct client *client, const struct engine_io_packet *packet)
{
    return upgrade_ops(client)->send(client, packet);
}

static void upgrade_close(struct client *client)
{
    upgrade_free(client);
    upgrade_ops(client)->close(client);
}

static void upgrade_release(struct client *client)
{
    upgrade_free(client);
    upgrade_ops(client)->release(client);
}

const struct transport_ops transport_upgrade = {
    .connected = upgrade_connected,
    .received = upgrade_received,
    .ended = upgrade_ended,
    .send = upgrade_send,
    .close = upgrade_close,
    .release = upgrade_release,
    .rested = upgrade_go_on,
    .extra_links = true,
};
