#include "admin_command.h"

#include <stdlib.h>
#include <string.h>

#include "http_response.h"
#include "io_thread.h"
#include "server.h"
#include "stentor/base/obj.h"

static void admin_command_on_abort(struct http_conn *http, void *context)
{
    struct admin_command *command = context;

    (void)http;
    command->http = NULL;
}

static const struct http_waiter admin_command_waiter = {.on_abort = admin_command_on_abort};

static void admin_command_open(struct mail *mail, void *self)
{
    struct admin_command *command = CONTAINER_OF(mail, struct admin_command, mail);

    OBJ_CHECK(command, ADMIN_COMMAND_MAGIC);
    command->run(self, command);
}

void admin_command_send(struct http_conn *http,
                        void (*run)(struct server *server, struct admin_command *command),
                        long argument)
{
    struct io_thread *thread = http->conn->thread;
    struct admin_command *command = calloc(1, sizeof(*command));

    if (command == NULL) {
        http_respond_error(http, 503, NULL, "no_memory",
                           "the server has no memory; try again later");
        return;
    }
    OBJ_INIT(command, ADMIN_COMMAND_MAGIC);
    command->origin = thread;
    command->http = http;
    command->run = run;
    command->argument = argument;
    command->status = 200;
    command->mail.open = admin_command_open;
    http_conn_suspend(http, &admin_command_waiter, command);
    stage_post(&thread->server->main, &command->mail);
}

static void admin_command_open_answer(struct mail *mail, void *self)
{
    struct admin_command *command = CONTAINER_OF(mail, struct admin_command, mail);
    struct http_conn *http = command->http;

    (void)self;
    OBJ_CHECK(command, ADMIN_COMMAND_MAGIC);
    if (http != NULL) {
        http_respond(http, command->status, NULL, "application/json", command->body.data,
                     command->body.len);
        http_conn_resume(http);
    }
    strbuf_free(&command->body);
    OBJ_CLEAR(command);
    free(command);
}

void admin_command_done(struct admin_command *command)
{
    command->mail.open = admin_command_open_answer;
    stage_post(&command->origin->stage, &command->mail);
}

void admin_command_fail(struct admin_command *command, int status, const char *error,
                        const char *message)
{
    struct strbuf *body = &command->body;

    command->status = status;
    strbuf_append_str(body, "{\"error\":");
    json_append_string(body, error, strlen(error));
    strbuf_append_str(body, ",\"message\":");
    json_append_string(body, message, strlen(message));
    strbuf_append_str(body, "}\n");
    admin_command_done(command);
}

void admin_command_append_lines(struct strbuf *body, const char *name, const char *text)
{
    const char *end;

    strbuf_printf(body, "\"%s\":[", name);
    for (const char *separator = ""; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        strbuf_append_str(body, separator);
        json_append_string(body, text, (size_t)(end - text));
        separator = ",";
    }
    strbuf_append_char(body, ']');
}

bool admin_command_allowed(struct http_conn *http)
{
    struct span origin;

    if (!http_header(http->msg, "origin", &origin))
        return true;
    http_respond_error(http, 403, NULL, "forbidden",
                       "web pages must not do this; use stentorctl(1) or another program");
    return false;
}
