#include <stdio.h>
#include <stdlib.h>

#include "http_response.h"
#include "io_thread.h"
#include "publish_priv.h"
#include "server.h"
#include "stentor/base/log.h"
#include "stentor/base/obj.h"

/* Publishing an array: what is for rooms is one request to the broadcast stage, what is for
 * sessions are so many directed messages. The batch belongs to the request's I/O thread; it is
 * freed when the last of them has come back. */

enum { PUBLISH_MAX_BATCH = 10000 };

struct publish_batch_item {
    bool to_session;
    enum directed_result result;
    struct directed *directed; /* until it is sent; NULL: its id could not be one */
    uint64_t seq;              /* of what is for rooms */
    unsigned clients;
};

struct publish_batch {
    unsigned magic;
    struct http_conn *http;          /* NULL: the publisher has gone */
    struct publish_request *request; /* until it is submitted */
    size_t capacity;
    size_t count;
    size_t outstanding;
    struct publish_batch_item items[];
};

#define PUBLISH_BATCH_MAGIC 0x70626174u

static void publish_batch_no_memory(struct http_conn *http)
{
    publish_endpoint_refuse(http, 503, NULL, "no_memory", directed_error(DIRECTED_NO_MEMORY));
}

struct publish_batch *publish_batch_new(struct http_conn *http, size_t count)
{
    struct publish_batch *batch;

    if (count == 0 || count > PUBLISH_MAX_BATCH) {
        publish_endpoint_refuse(http, 400, NULL, "bad_envelope",
                                "an array holds 1 to 10000 envelopes");
        return NULL;
    }
    batch = calloc(1, sizeof(*batch) + count * sizeof(batch->items[0]));
    if (batch != NULL)
        batch->request = publish_request_new(&http->conn->thread->stage, count);
    if (batch == NULL || batch->request == NULL) {
        free(batch);
        publish_batch_no_memory(http);
        return NULL;
    }
    OBJ_INIT(batch, PUBLISH_BATCH_MAGIC);
    batch->http = http;
    batch->capacity = count;
    return batch;
}

void publish_batch_free(struct publish_batch **slot)
{
    struct publish_batch *batch = *slot;

    *slot = NULL;
    publish_request_free(&batch->request);
    for (size_t i = 0; i < batch->count; i++)
        if (batch->items[i].directed != NULL)
            directed_free(batch->items[i].directed);
    OBJ_CLEAR(batch);
    free(batch);
}

/* Makes the directed message of the next item; takes over the message. False without memory. */
static bool publish_batch_direct(struct publish_batch *batch, struct message *message,
                                 const struct envelope_to *to)
{
    struct publish_batch_item *item = &batch->items[batch->count];

    *item = (struct publish_batch_item){.to_session = true, .result = DIRECTED_UNKNOWN};
    if (!to->known) {
        message_unref(&message);
        return true;
    }
    item->directed =
        directed_new(batch->http->conn->thread, message, to->id, NULL, (struct span){"", 0});
    return item->directed != NULL;
}

void publish_batch_add(struct publish_batch **slot, struct message *message,
                       const struct envelope_to *to, const char *error)
{
    struct publish_batch *batch = *slot;
    struct http_conn *http = batch->http;
    char text[ENVELOPE_ERROR + 40];

    ENSURE(batch->count < batch->capacity);
    if (message == NULL) {
        snprintf(text, sizeof(text), "element %zu: %s", batch->count, error);
        publish_batch_free(slot);
        publish_endpoint_refuse(http, 400, NULL, "bad_envelope", text);
    } else if (!to->given) {
        publish_request_add(batch->request, message);
        batch->count++;
    } else if (publish_batch_direct(batch, message, to)) {
        batch->count++;
    } else {
        publish_batch_free(slot);
        publish_batch_no_memory(http);
    }
}

static void publish_batch_append_delivered(struct strbuf *out, enum directed_result result)
{
    if (result == DIRECTED_QUEUED)
        strbuf_append_str(out, "{\"delivered\":true}");
    else
        strbuf_printf(out, "{\"delivered\":false,\"error\":\"%s\"}", directed_error(result));
}

static void publish_batch_respond(struct publish_batch *batch)
{
    struct strbuf body = STRBUF_INIT;

    for (size_t i = 0; i < batch->count; i++) {
        const struct publish_batch_item *item = &batch->items[i];

        strbuf_append_char(&body, i == 0 ? '[' : ',');
        if (item->to_session)
            publish_batch_append_delivered(&body, item->result);
        else
            publish_endpoint_append_item(&body, item->seq, item->clients);
    }
    strbuf_append_str(&body, "]\n");
    http_respond(batch->http, 200, NULL, "application/json", body.data, body.len);
    strbuf_free(&body);
}

/* One of them has come back. */
static void publish_batch_settle(struct publish_batch *batch)
{
    if (--batch->outstanding > 0)
        return;
    if (batch->http != NULL) {
        publish_batch_respond(batch);
        http_conn_resume(batch->http);
    }
    publish_batch_free(&batch);
}

/* Takes over what became of the messages for rooms. */
static void publish_batch_take(struct publish_batch *batch, struct publish_request *request)
{
    size_t published = 0;

    for (size_t i = 0; i < batch->count; i++) {
        struct publish_batch_item *item = &batch->items[i];

        if (item->to_session)
            continue;
        item->seq = request->items[published].seq;
        item->clients = atomic_load(&request->items[published++].clients);
    }
}

static void publish_batch_delivered(struct directed *directed)
{
    struct publish_batch *batch;

    OBJ_CAST(batch, directed->context, PUBLISH_BATCH_MAGIC);
    batch->items[directed->ack].result = directed->result;
    publish_batch_settle(batch);
}

/* The publisher has gone; his messages go their way. */
static void publish_batch_on_abort(struct http_conn *http, void *context)
{
    struct publish_batch *batch = context;

    (void)http;
    batch->http = NULL;
}

static const struct http_waiter publish_batch_waiter = {.on_abort = publish_batch_on_abort};

static void publish_batch_send(struct publish_batch *batch, size_t index)
{
    struct directed *directed = batch->items[index].directed;

    batch->items[index].directed = NULL;
    directed->done = publish_batch_delivered;
    directed->context = batch;
    directed->ack = index;
    directed_post(directed);
}

static void publish_batch_send_all(struct publish_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->items[i].directed != NULL)
            publish_batch_send(batch, i);
}

/* Nothing was published, so nothing is sent either. */
static void publish_batch_refuse(struct publish_batch *batch, const struct publish_request *request)
{
    if (batch->http != NULL) {
        publish_endpoint_refuse_seq(batch->http, request);
        http_conn_resume(batch->http);
    }
    publish_batch_free(&batch);
}

static void publish_batch_published(struct publish_request *request, void *context)
{
    struct publish_batch *batch;

    OBJ_CAST(batch, context, PUBLISH_BATCH_MAGIC);
    if (request->not_above > 0) {
        publish_batch_refuse(batch, request);
        return;
    }
    if (batch->http != NULL)
        publish_endpoint_log(batch->http, request);
    publish_batch_take(batch, request);
    publish_batch_send_all(batch);
    publish_batch_settle(batch);
}

static void publish_batch_publish(struct publish_batch *batch)
{
    struct publish_request *request = batch->request;

    batch->request = NULL;
    request->done = publish_batch_published;
    request->context = batch;
    if (log_access_enabled())
        publish_request_describe(request, batch->http->conn->thread->config);
    broadcast_submit(&batch->http->conn->thread->server->broadcast, request);
}

/* How many answers there will be. */
static size_t publish_batch_expect(const struct publish_batch *batch)
{
    size_t expected = batch->request->count > 0 ? 1 : 0;

    for (size_t i = 0; i < batch->count; i++)
        expected += batch->items[i].directed != NULL;
    return expected;
}

void publish_batch_submit(struct publish_batch *batch)
{
    bool passes = publish_endpoint_within_rate(batch->http, batch->count);

    batch->outstanding = passes ? publish_batch_expect(batch) : 0;
    if (batch->outstanding == 0) {
        if (passes) /* all are for sessions that cannot be */
            publish_batch_respond(batch);
        publish_batch_free(&batch);
        return;
    }
    http_conn_suspend(batch->http, &publish_batch_waiter, batch);
    if (batch->request->count > 0)
        publish_batch_publish(batch); /* what is for sessions follows */
    else
        publish_batch_send_all(batch);
}
