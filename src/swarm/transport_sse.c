/* Server-Sent Events. `extra` is the reader of the stream, and the answer is the client's own from
 * the first byte to the last: it takes the chunks apart, if the server sends chunks. */
#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"
#include "stentor/wire/sse.h"

#include "answer.h"
#include "audience.h"
#include "client.h"
#include "crowd.h"
#include "dialect.h"
#include "transport.h"

enum { SSE_OK = 200, SSE_MAX_EVENT = 64 << 20 };

static void sse_connected(struct client *client)
{
    const struct audience *audience = client->audience;
    struct strbuf *request = &client->crowd->scratch;
    struct sse_reader *reader = malloc(sizeof(*reader));

    ENSURE(reader != NULL);
    sse_reader_init(reader, SSE_MAX_EVENT);
    client->extra = reader;
    answer_own(&client->answer);
    strbuf_clear(request);
    strbuf_append_str(request, "GET ");
    strbuf_append(request, audience->target.data, audience->target.len);
    strbuf_append_str(request, " HTTP/1.1\r\n");
    strbuf_append(request, audience->headers.data, audience->headers.len);
    strbuf_append_str(request, "\r\n");
    ENSURE(!request->failed);
    link_write(&client->link, request->data, request->len);
}

static void sse_on_event(void *arg, const struct sse_event *event)
{
    struct client *client = arg;

    if (event->event.len == 3 && memcmp(event->event.ptr, "gap", 3) == 0)
        client_note_gap(client);
    else
        client_deliver(client, event->data);
}

/* NULL when the server has begun a stream, or the cause why it has not. */
static const char *sse_check(const struct client *client)
{
    struct span type;

    if (client->answer->parser.status_code != SSE_OK)
        return crowd_http_cause(client->crowd, client->answer);
    if (!http_header(client->answer, "content-type", &type) ||
        !dialect_starts(type, SSE_CONTENT_TYPE))
        return "content_type";
    return NULL;
}

/* Reads what has come of the stream; NULL, or the cause of its end. */
static const char *sse_read(struct client *client, uint8_t *data, size_t len)
{
    struct strbuf *body = &client->answer->body;
    struct http_message *answer;
    enum http_result result;
    size_t used;

    result = answer_feed(NULL, &client->answer, false, data, len, &used, &answer);
    if (!sse_reader_feed(client->extra, body->data, body->len, sse_on_event, client))
        return "event_too_large";
    strbuf_clear(body);
    if (result == HTTP_MORE)
        return NULL;
    return result == HTTP_DONE ? link_ended : "bad_answer";
}

static void sse_received(struct client *client, uint8_t *data, size_t len)
{
    const char *cause = NULL;
    size_t used = 0;

    if (client->state == CLIENT_OPENING) {
        struct http_message *answer;
        enum http_result result =
            answer_feed(NULL, &client->answer, true, data, len, &used, &answer);

        if (result == HTTP_MORE)
            return;
        cause = result == HTTP_HEAD_DONE ? sse_check(client) : "bad_answer";
        if (cause == NULL)
            crowd_on_joined(client->crowd, client);
    }
    if (cause == NULL)
        cause = sse_read(client, data + used, len - used);
    if (cause != NULL)
        client_drop(client, cause);
}

static void sse_release(struct client *client)
{
    if (client->extra != NULL)
        sse_reader_free(client->extra);
    free(client->extra);
    client->extra = NULL;
}

const struct transport_ops transport_sse = {
    .connected = sse_connected,
    .received = sse_received,
    .close = client_end,
    .release = sse_release,
};
