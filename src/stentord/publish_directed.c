#include "http_response.h"
#include "io_thread.h"
#include "publish_priv.h"

/* Publishing to one session: the answer says whether its queue was reached. */

static void publish_done_directed(struct directed *directed)
{
    struct http_conn *http = directed->context;
    enum directed_result result = directed->result;

    if (http == NULL)
        return; /* the publisher has gone */
    if (result == DIRECTED_QUEUED)
        http_respond(http, 200, NULL, "application/json", "{\"delivered\":true}\n", 19);
    else if (result == DIRECTED_UNKNOWN)
        publish_endpoint_refuse(http, 404, NULL, "unknown_session", directed_error(result));
    else
        publish_endpoint_refuse(http, 503, NULL,
                                result == DIRECTED_FULL ? "queue_full" : "no_memory",
                                directed_error(result));
    http_conn_resume(http);
}

static void publish_on_abort_directed(struct http_conn *http, void *context)
{
    struct directed *directed = context;

    (void)http;
    directed->context = NULL;
}

static const struct http_waiter publish_directed_waiter = {.on_abort = publish_on_abort_directed};

void publish_directed(struct http_conn *http, struct message *message, const struct envelope_to *to)
{
    struct io_thread *thread = http->conn->thread;
    struct directed *directed = NULL;

    if (!publish_endpoint_within_rate(http, 1)) {
        message_unref(&message);
        return;
    }
    if (!to->known) {
        message_unref(&message);
        publish_endpoint_refuse(http, 404, NULL, "unknown_session",
                                directed_error(DIRECTED_UNKNOWN));
        return;
    }
    directed = directed_new(thread, message, to->id, NULL, (struct span){"", 0});
    if (directed == NULL) {
        publish_endpoint_refuse(http, 503, NULL, "no_memory", directed_error(DIRECTED_NO_MEMORY));
        return;
    }
    directed->done = publish_done_directed;
    directed->context = http;
    http_conn_suspend(http, &publish_directed_waiter, directed);
    directed_post(directed);
}
