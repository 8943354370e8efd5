#include "client_send.h"

#include <stdio.h>
#include <string.h>

#include "io_thread.h"
#include "server.h"

static bool client_send_fail(char error[ENVELOPE_ERROR], const char *text)
{
    snprintf(error, ENVELOPE_ERROR, "%s", text);
    return false;
}

/* The message, and whom it is for; NULL after a mistake. */
static struct message *client_send_parse(struct io_thread *thread,
                                         const struct client_sending *sending,
                                         struct envelope_to *to, char error[ENVELOPE_ERROR])
{
    const struct envelope_context context = {
        .config = thread->config,
        .io_threads = thread->server->io_thread_count,
        .namespace = sending->namespace,
        .fixed_namespace = true,
        .attachments = sending->attachments,
        .attachment_count = sending->attachment_count,
        .to = to,
    };
    struct message *message = envelope_parse(&context, sending->envelope, error);

    if (message == NULL || (to->given && to->known))
        return message;
    message_unref(&message);
    (void)client_send_fail(error, to->given ? directed_error(DIRECTED_UNKNOWN)
                                            : "\"to\" is missing: a session's id");
    return NULL;
}

bool client_send(struct io_thread *thread, const struct client_sending *sending,
                 char error[ENVELOPE_ERROR])
{
    const struct session *session = sending->session;
    struct envelope_to to = {.given = false};

    if (!thread->config->client_send)
        return client_send_fail(error, "clients may not send to each other here (client_send)");
    if (directed_overloaded(thread))
        return client_send_fail(error, "too many messages are on their way; try again later");
    struct message *message = client_send_parse(thread, sending, &to, error);
    if (message == NULL)
        return false;
    struct directed *directed = directed_new(
        thread, message, to.id, session->ops->address(session, sending->namespace), sending->tag);
    if (directed == NULL)
        return client_send_fail(error, directed_error(DIRECTED_NO_MEMORY));
    directed->done = sending->done;
    directed->ack = sending->ack;
    memcpy(directed->sender, session->id, SESSION_ID_BYTES);
    directed_post(directed);
    return true;
}
