/* Engine.IO over HTTP long-polling, as engine.io-client does it without an upgrade.
 *
 * The client's own link always has a GET without an answer: the next one is sent as soon as the
 * answer to the last one has been read to its end. What the client has to say, its CONNECT and a
 * pong now and then, goes out by POST on a second link, which is opened for it and closed when it
 * has been answered and nothing more is to be sent: so a client at rest has one connection. (A
 * browser would keep the second one for some time.) While a POST has no answer, further packets
 * wait, and leave together in the next one. When descriptors are scarce, POSTs wait for each other.
 */
#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

#include "answer.h"
#include "audience.h"
#include "client.h"
#include "crowd.h"
#include "dialect.h"
#include "transport.h"
#include "url.h"

#define POLLING_MAGIC 0x5c901117u

enum {
    POLLING_OK = 200,
    POLLING_MAX_SID = 128,
    POLLING_STAMP = 8, /* characters of the parameter that keeps caches away */
};

/* What a client keeps in `extra`, from its first connection on. */
struct polling {
    unsigned magic;
    struct client *client;
    bool getting; /* a GET has no answer */
    bool posting; /* a POST has none, or its link is being connected */
    bool paused;  /* there will be no further GET */
    struct link post;
    struct http_message *post_answer; /* while it is half read */
    struct strbuf posted;             /* packets of the POST, while its link is being connected */
    struct strbuf waiting;            /* packets for the next one */
    struct strbuf sid;                /* as a parameter of the query; empty: none yet */
};

static struct polling *polling_of(const struct client *client)
{
    struct polling *polling;

    OBJ_CAST(polling, client->extra, POLLING_MAGIC);
    return polling;
}

static enum engine_io_payload polling_form(const struct client *client)
{
    return client->audience->transport->engine_io == ENGINE_IO_PROTOCOL_OLD ? ENGINE_IO_PAYLOAD_3
                                                                            : ENGINE_IO_PAYLOAD_4;
}

static void polling_append_stamp(struct client *client, struct strbuf *out)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint64_t random = crowd_random(client->crowd);
    char stamp[POLLING_STAMP];

    for (size_t i = 0; i < sizeof(stamp); i++) {
        stamp[i] = digits[random % 36];
        random /= 36;
    }
    strbuf_append(out, stamp, sizeof(stamp));
}

/* The crowd's scratch with the request up to the headers that all have. */
static struct strbuf *polling_begin_request(struct client *client, const char *method)
{
    const struct audience *audience = client->audience;
    const struct strbuf *sid = &polling_of(client)->sid;
    struct strbuf *request = &client->crowd->scratch;

    strbuf_clear(request);
    strbuf_append_str(request, method);
    strbuf_append(request, audience->target.data, audience->target.len);
    strbuf_append_str(request, "&t=");
    polling_append_stamp(client, request);
    strbuf_append(request, sid->data, sid->len);
    strbuf_append_str(request, " HTTP/1.1\r\n");
    strbuf_append(request, audience->headers.data, audience->headers.len);
    return request;
}

static void polling_get(struct client *client)
{
    struct strbuf *request = polling_begin_request(client, "GET ");

    strbuf_append_str(request, "\r\n");
    ENSURE(!request->failed);
    polling_of(client)->getting = true;
    link_write(&client->link, request->data, request->len);
}

static void polling_init(struct client *client)
{
    struct polling *polling = calloc(1, sizeof(*polling));

    ENSURE(polling != NULL);
    OBJ_INIT(polling, POLLING_MAGIC);
    polling->client = client;
    client->extra = polling;
}

static void polling_connected(struct client *client)
{
    if (client->extra == NULL)
        polling_init(client);
    polling_get(client);
}

/* A client that has said goodbye ends when nothing is under way any more. */
static void polling_end_when_done(struct client *client)
{
    const struct polling *polling = polling_of(client);

    if (client->state == CLIENT_CLOSING && !polling->getting && !polling->posting)
        client_end(client);
}

/* --- Packets to the server. */

static void polling_post_now(struct polling *polling)
{
    size_t skip = engine_io_payload_skip(polling_form(polling->client));
    struct strbuf *request = polling_begin_request(polling->client, "POST ");

    strbuf_printf(request, "Content-type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n\r\n",
                  polling->posted.len - skip);
    strbuf_append(request, polling->posted.data + skip, polling->posted.len - skip);
    ENSURE(!request->failed);
    strbuf_free(&polling->posted);
    link_write(&polling->post, request->data, request->len);
}

static struct polling *polling_of_post(struct link *link)
{
    struct polling *polling = CONTAINER_OF(link, struct polling, post);

    OBJ_CHECK(polling, POLLING_MAGIC);
    return polling;
}

static void polling_on_post_connected(struct link *link)
{
    polling_post_now(polling_of_post(link));
}

static void polling_on_post_ended(struct link *link, const char *cause)
{
    client_drop(polling_of_post(link)->client, cause);
}

/* Posts what waits, on the link that is there or on a new one. */
static const char *polling_post(struct polling *polling);

/* The POST has been answered. */
static const char *polling_posted(struct polling *polling, const struct http_message *answer)
{
    bool keep_alive = http_keep_alive(answer);

    if (answer->parser.status_code != POLLING_OK)
        return crowd_http_cause(polling->client->crowd, answer);
    answer_free(&polling->post_answer);
    polling->posting = false;
    if (polling->waiting.len == 0 || !keep_alive)
        link_close(&polling->post);
    return polling->waiting.len > 0 ? polling_post(polling) : NULL;
}

static void polling_on_post_received(struct link *link, uint8_t *data, size_t len)
{
    struct polling *polling = polling_of_post(link);
    struct client *client = polling->client;
    struct http_message *answer;
    const char *cause = "bad_answer";
    size_t used;

    switch (answer_feed(&client->crowd->answer, &polling->post_answer, false, data, len, &used,
                        &answer)) {
    case HTTP_MORE:
        return;
    case HTTP_DONE:
        if (used == len)
            cause = polling_posted(polling, answer);
        break;
    case HTTP_HEAD_DONE:
    case HTTP_FAILED:
        break;
    }
    if (cause != NULL) {
        client_drop(client, cause);
        return;
    }
    polling_end_when_done(client);
    if (client->state != CLIENT_CLOSED && client->audience->transport->ops->rested != NULL)
        client->audience->transport->ops->rested(client);
}

static const struct link_ops polling_post_ops = {
    .connected = polling_on_post_connected,
    .received = polling_on_post_received,
    .ended = polling_on_post_ended,
};

static const char *polling_post(struct polling *polling)
{
    struct client *client = polling->client;

    polling->posting = true;
    polling->posted = polling->waiting;
    polling->waiting = (struct strbuf)STRBUF_INIT;
    if (polling->post.state == LINK_CLOSED)
        return link_open_extra(&polling->post, &client->crowd->links, client_number(client),
                               &polling_post_ops);
    polling_post_now(polling);
    return NULL;
}

static const char *polling_send(struct client *client, const struct engine_io_packet *packet)
{
    struct polling *polling = polling_of(client);

    engine_io_append_packet(&polling->waiting, polling_form(client), packet);
    ENSURE(!polling->waiting.failed);
    return polling->posting ? NULL : polling_post(polling);
}

/* --- Packets from the server. */

/* The first packet has the session's id, which every later request names. */
static const char *polling_open_session(struct client *client,
                                        const struct engine_io_packet *packet)
{
    struct strbuf *sid = &polling_of(client)->sid;
    char plain[POLLING_MAX_SID];
    struct span value;

    if (packet->type != ENGINE_IO_OPEN || !dialect_member(packet->data, "sid", &value) ||
        value.len <= 2 || value.ptr[0] != '"' || value.len - 2 >= sizeof(plain))
        return "engineio_handshake";
    memcpy(plain, value.ptr + 1, value.len - 2);
    plain[value.len - 2] = '\0';
    strbuf_append_str(sid, "&sid=");
    url_append_encoded(sid, plain);
    ENSURE(!sid->failed);
    client->state = CLIENT_JOINING;
    return NULL;
}

static const char *polling_packet(struct client *client, const struct engine_io_packet *packet)
{
    const char *cause = NULL;

    if (client->state == CLIENT_OPENING)
        cause = polling_open_session(client, packet);
    return cause != NULL ? cause : dialect_socketio_packet(client, packet);
}

/* Protocol 3 has a second form, for payloads with binary data in them. */
static enum engine_io_payload polling_answer_form(const struct client *client,
                                                  const struct http_message *answer)
{
    enum engine_io_payload form = polling_form(client);
    struct span type;

    if (form == ENGINE_IO_PAYLOAD_3 && http_header(answer, "content-type", &type) &&
        http_span_equals(type, "application/octet-stream"))
        return ENGINE_IO_PAYLOAD_3_BINARY;
    return form;
}

static const char *polling_payload(struct client *client, const struct http_message *answer)
{
    struct span payload = {answer->body.data, answer->body.len};
    struct engine_io_reader reader;
    struct engine_io_packet packet;
    enum engine_io_result result;
    const char *cause = NULL;

    engine_io_reader_init(&reader, polling_answer_form(client, answer), payload);
    while ((result = engine_io_reader_next(&reader, &packet)) == ENGINE_IO_PACKET) {
        cause = polling_packet(client, &packet);
        if (cause != NULL)
            break;
    }
    engine_io_reader_free(&reader);
    return result == ENGINE_IO_FAILED ? "engineio_payload" : cause;
}

/* A GET has been answered. */
static const char *polling_answered(struct client *client, const struct http_message *answer)
{
    bool keep_alive = http_keep_alive(answer);
    const char *cause;

    polling_of(client)->getting = false;
    if (answer->parser.status_code != POLLING_OK)
        return crowd_http_cause(client->crowd, answer);
    cause = polling_payload(client, answer);
    answer_free(&client->answer);
    if (cause != NULL || client->state == CLIENT_CLOSING)
        return cause;
    if (client->state == CLIENT_OPENING)
        return "engineio_handshake";
    if (polling_of(client)->paused)
        return NULL;
    if (!keep_alive)
        return client_reconnect(client);
    polling_get(client);
    return NULL;
}

static void polling_received(struct client *client, uint8_t *data, size_t len)
{
    struct http_message *answer;
    const char *cause = "bad_answer";
    size_t used;

    switch (
        answer_feed(&client->crowd->answer, &client->answer, false, data, len, &used, &answer)) {
    case HTTP_MORE:
        return;
    case HTTP_DONE:
        if (used == len)
            cause = polling_answered(client, answer);
        break;
    case HTTP_HEAD_DONE:
    case HTTP_FAILED:
        break;
    }
    if (cause != NULL)
        client_drop(client, cause);
    else
        polling_end_when_done(client);
}

/* The end of the connection can be the end of an answer. */
static void polling_ended(struct client *client, const char *cause)
{
    if (cause == link_ended && client->answer != NULL && http_message_finish(client->answer))
        cause = polling_answered(client, client->answer);
    if (cause != NULL)
        client_drop(client, cause);
}

static void polling_close(struct client *client)
{
    struct engine_io_packet close_packet = {.type = ENGINE_IO_CLOSE, .data = {"", 0}};
    const char *cause = dialect_socketio_leave(client);

    if (cause == NULL)
        cause = polling_send(client, &close_packet);
    if (cause != NULL)
        client_end(client);
}

static void polling_release(struct client *client)
{
    struct polling *polling = client->extra;

    if (polling == NULL)
        return;
    link_close(&polling->post);
    answer_free(&polling->post_answer);
    strbuf_free(&polling->posted);
    strbuf_free(&polling->waiting);
    strbuf_free(&polling->sid);
    OBJ_CLEAR(polling);
    free(polling);
    client->extra = NULL;
}

void transport_polling_pause(struct client *client)
{
    polling_of(client)->paused = true;
}

bool transport_polling_rests(const struct client *client)
{
    const struct polling *polling = polling_of(client);

    return !polling->getting && !polling->posting;
}

void transport_polling_append_sid(const struct client *client, struct strbuf *out)
{
    const struct strbuf *sid = &polling_of(client)->sid;

    strbuf_append(out, sid->data, sid->len);
}

const struct transport_ops transport_polling = {
    .connected = polling_connected,
    .received = polling_received,
    .ended = polling_ended,
    .send = polling_send,
    .close = polling_close,
    .release = polling_release,
    .extra_links = true,
};
