#include "client_publish.h"

#include <stdio.h>

#include "io_thread.h"
#include "permission.h"
#include "publish.h"
#include "server.h"
#include "stentor/base/clock.h"

static bool client_publish_fail(char error[ENVELOPE_ERROR], const char *text)
{
    snprintf(error, ENVELOPE_ERROR, "%s", text);
    return false;
}

bool client_publish(struct io_thread *thread, int namespace, bool trusted, struct span envelope,
                    struct refbuf *const *attachments, size_t attachment_count,
                    char error[ENVELOPE_ERROR])
{
    struct server *server = thread->server;
    const struct envelope_context context = {
        .config = thread->config,
        .io_threads = server->io_thread_count,
        .namespace = namespace,
        .fixed_namespace = true,
        .attachments = attachments,
        .attachment_count = attachment_count,
    };

    struct message *message = envelope_parse(&context, envelope, error);
    if (message == NULL)
        return false;
    const char *wrong = permission_publish(thread->config, message, trusted);
    if (wrong != NULL) {
        message_unref(&message);
        return client_publish_fail(error, wrong);
    }
    if (server_overloaded(server, thread->config) ||
        ratelimit_take(&server->publish_limit, 1, clock_ns()) > 0) {
        message_unref(&message);
        return client_publish_fail(error, "too many messages; try again later (publish_rate)");
    }
    struct publish_request *request = publish_request_new(&thread->stage, 1);
    if (request == NULL) {
        message_unref(&message);
        return client_publish_fail(error, "the server has no memory; try again later");
    }
    publish_request_add(request, message);
    broadcast_submit(&server->broadcast, request);
    return true;
}
