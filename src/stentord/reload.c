#include "reload.h"

#include <stdlib.h>
#include <string.h>

#include "io_thread.h"
#include "notify.h"
#include "server.h"
#include "stentor/base/log.h"
#include "stentor/base/obj.h"

struct reload {
    unsigned magic;
    struct server *server;
    struct config *config;
    struct admin_command_queue asked;
    struct strbuf changed; /* lines of text: what changes, and what cannot */
    struct strbuf kept;
    struct strbuf mistakes;
    struct listener **listeners; /* as acceptor_set_config wants them */
    size_t *kept_listeners;
    struct mail to_acceptor;
    struct mail to_broadcast;
    struct reload_mail {
        struct mail mail;
        struct reload *reload;
    } * to_io; /* one for each I/O thread */
    struct mail home;
    atomic_uint outstanding; /* threads that have yet to take it over */
};

#define RELOAD_MAGIC 0x72656c64u

static void reload_begin(struct server *server);

void reload_init(struct reload_state *state)
{
    *state = (struct reload_state){.running = NULL};
    STAILQ_INIT(&state->waiting);
}

/* Calls `log` for each line of the text. */
static void reload_log_lines(struct strbuf *text,
                             void (*log)(const char *token, const char *fmt, ...))
{
    const char *line = strbuf_cstr(text), *end;

    for (; (end = strchr(line, '\n')) != NULL; line = end + 1)
        log("reload", "%.*s", (int)(end - line), line);
}

static void reload_fail_all(struct admin_command_queue *queue, const char *error,
                            const char *message)
{
    struct admin_command *command;

    while ((command = STAILQ_FIRST(queue)) != NULL) {
        STAILQ_REMOVE_HEAD(queue, link);
        admin_command_fail(command, 503, error, message);
    }
}

static void reload_free(struct reload *reload)
{
    config_unref(&reload->config);
    strbuf_free(&reload->changed);
    strbuf_free(&reload->kept);
    strbuf_free(&reload->mistakes);
    free(reload->kept_listeners);
    free(reload->to_io);
    OBJ_CLEAR(reload);
    free(reload);
}

/* Phase one has failed: everything stays as it was. */
static void reload_refuse(struct reload *reload)
{
    static const char message[] = "the old configuration stays, because the new one has mistakes";
    struct admin_command *command;

    reload_log_lines(&reload->mistakes, log_error);
    log_error("reload", "refused: the old configuration stays");
    notify_ready("serving, by an older configuration than the file's");
    while ((command = STAILQ_FIRST(&reload->asked)) != NULL) {
        STAILQ_REMOVE_HEAD(&reload->asked, link);
        command->status = 422;
        strbuf_printf(&command->body, "{\"error\":\"bad_configuration\",\"message\":\"%s\",",
                      message);
        admin_command_append_lines(&command->body, "mistakes", strbuf_cstr(&reload->mistakes));
        strbuf_append_str(&command->body, "}\n");
        admin_command_done(command);
    }
    for (size_t i = 0; reload->listeners != NULL && i < reload->config->listener_count; i++)
        if (reload->listeners[i] != NULL)
            listener_close(reload->listeners[i]);
    free(reload->listeners);
    reload_free(reload);
}

/* Which listener of the old configuration is this one? SIZE_MAX: none that is not taken yet. */
static size_t reload_find_listener(const struct config *old, bool *taken,
                                   const struct config_listener *wanted, bool any_use)
{
    for (size_t i = 0; i < old->listener_count; i++) {
        if (taken[i] || !config_same_listener(&old->listeners[i], wanted) ||
            (!any_use && old->listeners[i].admin != wanted->admin))
            continue;
        taken[i] = true;
        return i;
    }
    return SIZE_MAX;
}

/* Those that are the same in everything find each other first: with port 0 there may be several at
 * one address. */
static void reload_match_listeners(struct reload *reload, bool *taken)
{
    const struct config *config = reload->config, *old = reload->server->config;
    size_t *kept = reload->kept_listeners;

    for (size_t i = 0; i < config->listener_count; i++)
        kept[i] = reload_find_listener(old, taken, &config->listeners[i], false);
    for (size_t i = 0; i < config->listener_count; i++)
        if (kept[i] == SIZE_MAX)
            kept[i] = reload_find_listener(old, taken, &config->listeners[i], true);
}

static bool reload_no_memory(struct reload *reload)
{
    strbuf_append_str(&reload->mistakes, "there is no memory for it; try again later\n");
    return false;
}

static bool reload_open_listener(struct reload *reload, size_t i)
{
    struct strbuf error = STRBUF_INIT;

    reload->listeners[i] = listener_open(reload->config, &reload->config->listeners[i], &error);
    if (reload->listeners[i] == NULL)
        strbuf_printf(&reload->mistakes, "%s:0: listeners: %s\n", reload->config->path,
                      strbuf_cstr(&error));
    strbuf_free(&error);
    return reload->listeners[i] != NULL;
}

static bool reload_open_listeners(struct reload *reload)
{
    const struct config *config = reload->config;
    bool *taken = calloc(reload->server->config->listener_count, sizeof(*taken));
    bool opened = true;

    reload->listeners = calloc(config->listener_count, sizeof(struct listener *));
    reload->kept_listeners = calloc(config->listener_count, sizeof(size_t));
    if (taken == NULL || reload->listeners == NULL || reload->kept_listeners == NULL) {
        free(taken);
        return reload_no_memory(reload);
    }
    reload_match_listeners(reload, taken);
    free(taken);
    for (size_t i = 0; i < config->listener_count; i++)
        if (reload->kept_listeners[i] == SIZE_MAX)
            opened &= reload_open_listener(reload, i);
    return opened;
}

static bool reload_check_logs(struct reload *reload)
{
    const struct config *config = reload->config;
    char error[LOG_ERROR];

    if (log_check_target(config->log_target, error) && log_check_target(config->access_log, error))
        return true;
    strbuf_printf(&reload->mistakes, "%s:0: log_target or access_log: %s\n", config->path, error);
    return false;
}

/* Phase one: everything that can fail. */
static bool reload_prepare(struct reload *reload)
{
    struct server *server = reload->server;

    reload->config = config_load(server->config->path, server->config, &reload->mistakes);
    if (reload->config == NULL)
        return false;
    if (!reload_check_logs(reload))
        return false;
    config_succeed(reload->config, server->config, &reload->changed, &reload->kept);
    reload->to_io = calloc(server->io_thread_count, sizeof(*reload->to_io));
    if (reload->to_io == NULL)
        return reload_no_memory(reload);
    return reload_open_listeners(reload);
}

static void reload_open_home(struct mail *mail, void *self)
{
    struct reload *reload = CONTAINER_OF(mail, struct reload, home);
    struct server *server = self;
    struct admin_command *command;

    OBJ_CHECK(reload, RELOAD_MAGIC);
    config_log_warnings(reload->config);
    log_info("reload", "done");
    notify_ready("serving");
    while ((command = STAILQ_FIRST(&reload->asked)) != NULL) {
        STAILQ_REMOVE_HEAD(&reload->asked, link);
        strbuf_append_str(&command->body, "{\"reloaded\":true,");
        admin_command_append_lines(&command->body, "changed", strbuf_cstr(&reload->changed));
        strbuf_append_char(&command->body, ',');
        admin_command_append_lines(&command->body, "kept", strbuf_cstr(&reload->kept));
        strbuf_append_str(&command->body, "}\n");
        admin_command_done(command);
    }
    reload_free(reload);
    server->reload.running = NULL;
    if (server_is_stopping(server))
        reload_fail_all(&server->reload.waiting, "stopping", "the server is stopping");
    else if (server->reload.again)
        reload_begin(server);
}

/* One thread more has taken it over. */
static void reload_taken_over(struct reload *reload)
{
    if (atomic_fetch_sub_explicit(&reload->outstanding, 1, memory_order_acq_rel) > 1)
        return;
    reload->home.open = reload_open_home;
    stage_post(&reload->server->main, &reload->home);
}

static void reload_open_acceptor(struct mail *mail, void *self)
{
    struct reload *reload = CONTAINER_OF(mail, struct reload, to_acceptor);

    acceptor_set_config(self, reload->config, reload->listeners, reload->kept_listeners);
    reload_taken_over(reload);
}

static void reload_open_io(struct mail *mail, void *self)
{
    struct reload *reload = CONTAINER_OF(mail, struct reload_mail, mail)->reload;

    io_thread_set_config(self, reload->config);
    reload_taken_over(reload);
}

static void reload_open_broadcast(struct mail *mail, void *self)
{
    struct reload *reload = CONTAINER_OF(mail, struct reload, to_broadcast);
    struct server *server = reload->server;

    broadcast_set_config(self, reload->config);
    for (unsigned i = 0; i < server->io_thread_count; i++) {
        reload->to_io[i].reload = reload;
        reload->to_io[i].mail.open = reload_open_io;
        stage_post(&server->io_threads[i].stage, &reload->to_io[i].mail);
    }
    reload_taken_over(reload);
}

/* Phase two: hands it out. */
static void reload_commit(struct reload *reload)
{
    struct server *server = reload->server;

    reload_log_lines(&reload->changed, log_info);
    reload_log_lines(&reload->kept, log_warning);
    config_log_warnings(reload->config);
    config_unref(&server->config);
    server->config = config_ref(reload->config);
    server_apply_config(server);
    if (!server_open_logs(server)) /* it could be opened a moment ago */
        log_warning("reload", "lines go to where they went before");
    atomic_init(&reload->outstanding, server->io_thread_count + 2);
    server->reload.running = reload;
    reload->to_acceptor.open = reload_open_acceptor;
    stage_post(&server->acceptor.stage, &reload->to_acceptor);
    reload->to_broadcast.open = reload_open_broadcast;
    stage_post(&server->broadcast.stage, &reload->to_broadcast);
}

static struct reload *reload_new(struct server *server)
{
    struct reload *reload = calloc(1, sizeof(*reload));

    if (reload == NULL)
        return NULL;
    OBJ_INIT(reload, RELOAD_MAGIC);
    reload->server = server;
    STAILQ_INIT(&reload->asked);
    STAILQ_CONCAT(&reload->asked, &server->reload.waiting);
    return reload;
}

static void reload_begin(struct server *server)
{
    struct reload *reload = reload_new(server);

    server->reload.again = false;
    if (reload == NULL) {
        log_error("reload", "there is no memory for it; the old configuration stays");
        reload_fail_all(&server->reload.waiting, "no_memory", "try again later");
        return;
    }
    log_info("reload", "reading %s", server->config->path);
    notify_reloading();
    if (reload_prepare(reload))
        reload_commit(reload);
    else
        reload_refuse(reload);
}

void reload_ask(struct server *server, struct admin_command *command)
{
    OWNER_ASSERT(&server->main.owner);
    if (command != NULL)
        STAILQ_INSERT_TAIL(&server->reload.waiting, command, link);
    if (server_is_stopping(server))
        reload_fail_all(&server->reload.waiting, "stopping", "the server is stopping");
    else if (server->reload.running != NULL)
        server->reload.again = true;
    else
        reload_begin(server);
}
