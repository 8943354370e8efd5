#include "client_send.h"

#include <stdio.h>
#include <string.h>

#include "io_thread.h"
#include "neighbours.h"
#include "permission.h"
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

    return envelope_parse(&context, sending->envelope, error);
}

/* Looks for the neighbour, or at the id. NULL or a sentence. */
static const char *client_send_find(struct io_thread *thread, const struct client_sending *sending,
                                    const struct message *message, struct envelope_to *to)
{
    const char *error;

    if (!to->given)
        return "\"to\" is missing: a session's id, or north, east, south or west";
    if (to->neighbour) {
        error = permission_send_in(thread->config, message->rooms[0], sending->trusted);
        return error != NULL ? error
                             : neighbours_find(sending->session, sending->namespace,
                                               message->rooms[0], to->direction, to->id);
    }
    error = permission_send(thread->config, sending->trusted);
    if (error == NULL && !to->known)
        error = directed_error(DIRECTED_UNKNOWN);
    return error;
}

bool client_send(struct io_thread *thread, const struct client_sending *sending,
                 char error[ENVELOPE_ERROR])
{
    const struct session *session = sending->session;
    struct envelope_to to = {.given = false};
    const char *wrong;

    if (directed_overloaded(thread))
        return client_send_fail(error, "too many messages are on their way; try again later");
    struct message *message = client_send_parse(thread, sending, &to, error);
    if (message == NULL)
        return false;
    wrong = client_send_find(thread, sending, message, &to);
    if (wrong != NULL) {
        message_unref(&message);
        return client_send_fail(error, wrong);
    }
    struct directed *directed = directed_new(
        thread, message, to.id, session->ops->address(session, sending->namespace), sending->tag);
    if (directed == NULL)
        return client_send_fail(error, directed_error(DIRECTED_NO_MEMORY));
    directed->tagged = to.neighbour;
    directed->done = sending->done;
    directed->ack = sending->ack;
    memcpy(directed->sender, session->id, SESSION_ID_BYTES);
    directed_post(directed);
    return true;
}
