/*
 * longpoll - stentor-swarm with one more transport: long-polling as nchan answers it.
 *
 * Each client has one connection and always one GET under way. Its answer is the next message, and
 * the Last-Modified and Etag of this one are sent back with the next GET (If-Modified-Since,
 * If-None-Match), so that the server knows where the client stands. All else, from the options to
 * the report, is stentor-swarm's: that other servers are measured with the same clients is the
 * purpose of this. Whatever --transports says, this is the transport.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

#include "../src/swarm/answer.h"
#include "../src/swarm/audience.h"
#include "../src/swarm/client.h"
#include "../src/swarm/command.h"
#include "../src/swarm/crowd.h"
#include "../src/swarm/mix.h"
#include "../src/swarm/transport.h"

enum { LONGPOLL_OK = 200, LONGPOLL_NOT_MODIFIED = 304, LONGPOLL_TIMEOUT = 408 };

/* Where the client stands: the headers that say so. Kept in `extra`. */
static struct strbuf *longpoll_place(const struct client *client)
{
    return client->extra;
}

static void longpoll_get(struct client *client)
{
    const struct audience *audience = client->audience;
    const struct strbuf *place = longpoll_place(client);
    struct strbuf *request = &client->crowd->scratch;

    strbuf_clear(request);
    strbuf_append_str(request, "GET ");
    strbuf_append(request, audience->target.data, audience->target.len);
    strbuf_append_str(request, " HTTP/1.1\r\n");
    strbuf_append(request, audience->headers.data, audience->headers.len);
    strbuf_append(request, place->data, place->len);
    strbuf_append_str(request, "\r\n");
    ENSURE(!request->failed);
    link_write(&client->link, request->data, request->len);
}

/* There is no handshake: whoever has asked takes part. */
static void longpoll_connected(struct client *client)
{
    if (client->extra == NULL)
        client->extra = calloc(1, sizeof(struct strbuf));
    ENSURE(client->extra != NULL);
    longpoll_get(client);
    if (client->state == CLIENT_OPENING)
        crowd_on_joined(client->crowd, client);
}

static void longpoll_remember(struct client *client, const struct http_message *answer)
{
    struct strbuf *place = longpoll_place(client);
    struct span modified, etag;

    if (!http_header(answer, "last-modified", &modified) || !http_header(answer, "etag", &etag))
        return;
    strbuf_clear(place);
    strbuf_append_str(place, "If-Modified-Since: ");
    strbuf_append(place, modified.ptr, modified.len);
    strbuf_append_str(place, "\r\nIf-None-Match: ");
    strbuf_append(place, etag.ptr, etag.len);
    strbuf_append_str(place, "\r\n");
}

/* NULL, or the cause for which the client is lost. */
static const char *longpoll_answered(struct client *client, const struct http_message *answer)
{
    int status = answer->parser.status_code;
    bool keep_alive = http_keep_alive(answer);

    if (status == LONGPOLL_OK) {
        client_deliver(client, (struct span){answer->body.data, answer->body.len});
        longpoll_remember(client, answer);
    } else if (status != LONGPOLL_NOT_MODIFIED && status != LONGPOLL_TIMEOUT) {
        return crowd_http_cause(client->crowd, answer);
    }
    answer_free(&client->answer);
    if (!keep_alive)
        return client_reconnect(client);
    longpoll_get(client);
    return NULL;
}

static void longpoll_received(struct client *client, uint8_t *data, size_t len)
{
    struct http_message *answer;
    const char *cause = "bad_answer";
    enum http_result result;
    size_t used;

    result = answer_feed(&client->crowd->answer, &client->answer, false, data, len, &used, &answer);
    if (result == HTTP_MORE)
        return;
    if (result == HTTP_DONE && used == len)
        cause = longpoll_answered(client, answer);
    if (cause != NULL)
        client_drop(client, cause);
}

static void longpoll_release(struct client *client)
{
    if (client->extra != NULL)
        strbuf_free(client->extra);
    free(client->extra);
    client->extra = NULL;
}

static const struct transport_ops longpoll_ops = {
    .connected = longpoll_connected,
    .received = longpoll_received,
    .close = client_end,
    .release = longpoll_release,
};

static const struct transport longpoll_transport = {
    .name = "longpoll",
    .path = "/",
    .headers = "Accept: */*\r\n",
    .ops = &longpoll_ops,
    .joined_by_handshake = true,
};

int main(int argc, char **argv)
{
    static const struct mix mix = {1, 1, {{&longpoll_transport, 1}}};

    return command_run(argc, argv, &mix);
}
