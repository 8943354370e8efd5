#include "server.h"

#include <event2/event.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io_thread.h"
#include "notify.h"
#include "privileges.h"
#include "rlimits.h"
#include "stentor/base/clock.h"
#include "stentor/base/crypto.h"
#include "stentor/base/log.h"

enum { SERVER_MIN_IN_FLIGHT = 1 << 20 }; /* bytes that may be on their way with any journal */

bool server_overloaded(struct server *server, const struct config *config)
{
    size_t limit = (size_t)config->journal_bytes;

    if (limit < SERVER_MIN_IN_FLIGHT)
        limit = SERVER_MIN_IN_FLIGHT;
    return atomic_load_explicit(&server->publish_in_flight, memory_order_relaxed) > limit;
}

void server_sum_stats(const struct server *server, struct stats *sum)
{
    memset(sum, 0, sizeof(*sum));
    for (unsigned i = 0; i < server_stage_count(server); i++)
        stats_sum(sum, server_stage_stats(server, i));
}

const struct stage *server_stage(const struct server *server, unsigned i)
{
    if (i == 0)
        return &server->acceptor.stage;
    return i <= server->io_thread_count ? &server->io_threads[i - 1].stage
                                        : &server->broadcast.stage;
}

const struct stats *server_stage_stats(const struct server *server, unsigned i)
{
    if (i == 0)
        return &server->acceptor.stats;
    return i <= server->io_thread_count ? &server->io_threads[i - 1].stats
                                        : &server->broadcast.stats;
}

uint64_t server_uptime(const struct server *server)
{
    return (clock_ms() - server->started_ms) / 1000;
}

static unsigned server_count_threads(const struct config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (config->io_threads > 0)
        return (unsigned)config->io_threads;
    return cores < 1 ? 1 : cores > 64 ? 64 : (unsigned)cores;
}

static bool server_init_threads(struct server *server, uint64_t head)
{
    unsigned wanted = server_count_threads(server->config);

    server->io_threads = calloc(wanted, sizeof(*server->io_threads));
    if (server->io_threads == NULL)
        return false;
    server->io_thread_count = wanted;
    for (unsigned i = 0; i < wanted; i++)
        if (io_thread_init(&server->io_threads[i], server, i, head) < 0)
            return false;
    return true;
}

static void server_on_signal(evutil_socket_t fd, short events, void *arg)
{
    struct server *server = arg;

    (void)fd;
    (void)events;
    drain_begin(server, (unsigned)server->config->drain_time);
}

static void server_on_hangup(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    reload_ask(arg, NULL);
}

bool server_open_logs(const struct server *server)
{
    const struct config *config = server->config;
    char error[LOG_ERROR];

    if (log_configure(config->log_target, config->access_log, config->log_json, error))
        return true;
    log_error("log", "%s", error);
    return false;
}

static void server_on_reopen(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    (void)arg;
    log_reopen();
}

void server_apply_config(struct server *server)
{
    const struct config *config = server->config;

    ratelimit_set(&server->publish_limit, (unsigned)config->publish_rate,
                  (unsigned)config->publish_burst);
    log_set_level((enum log_level)config->level);
}

static void server_block_signals(sigset_t *old)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, old);
}

/* All signals go to the main thread: the others are started while they are blocked. */
static int server_start_stages(struct server *server)
{
    sigset_t old;
    int error;

    server_block_signals(&old);
    error = stage_start(&server->broadcast.stage);
    for (unsigned i = 0; i < server->io_thread_count && error == 0; i++)
        error = stage_start(&server->io_threads[i].stage);
    if (error == 0)
        error = stage_start(&server->acceptor.stage);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error != 0)
        log_error("server", "threads cannot be started: %s", strerror(-error));
    return error;
}

static void server_stop_stages(struct server *server)
{
    stage_stop(&server->broadcast.stage);
    stage_join(&server->broadcast.stage);
    for (unsigned i = 0; i < server->io_thread_count; i++)
        stage_stop(&server->io_threads[i].stage);
    for (unsigned i = 0; i < server->io_thread_count; i++) {
        stage_join(&server->io_threads[i].stage);
        delivery_stop(&server->io_threads[i].delivery);
    }
    handover_stop(&server->handover);
}

/* Opens mails that came too late, until opening them posts no others. */
static void server_open_late_mails(struct server *server)
{
    unsigned opened;

    do {
        opened = mailbox_open_all(&server->main.mailbox, server) +
                 mailbox_open_all(&server->broadcast.stage.mailbox, &server->broadcast);
        for (unsigned i = 0; i < server->io_thread_count; i++)
            opened +=
                mailbox_open_all(&server->io_threads[i].stage.mailbox, &server->io_threads[i]);
    } while (opened > 0);
}

static void server_destroy(struct server *server)
{
    server_open_late_mails(server);
    acceptor_destroy(&server->acceptor);
    for (unsigned i = 0; i < server->io_thread_count; i++)
        io_thread_destroy(&server->io_threads[i]);
    broadcast_destroy(&server->broadcast);
    free(server->io_threads);
    event_del(&server->term);
    event_del(&server->interrupt);
    event_del(&server->hangup);
    event_del(&server->reopen);
    drain_destroy(server);
    limits_destroy(&server->limits);
    watch_stop(server);
    stage_destroy(&server->main);
    config_unref(&server->config);
}

static bool server_init_main_loop(struct server *server)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigaction(SIGPIPE, &ignore, NULL);
    if (stage_init(&server->main, "stentord", server) < 0)
        return false;
    evsignal_assign(&server->term, server->main.base, SIGTERM, server_on_signal, server);
    evsignal_assign(&server->interrupt, server->main.base, SIGINT, server_on_signal, server);
    evsignal_assign(&server->hangup, server->main.base, SIGHUP, server_on_hangup, server);
    evsignal_assign(&server->reopen, server->main.base, SIGUSR1, server_on_reopen, server);
    return event_add(&server->reopen, NULL) == 0 && event_add(&server->term, NULL) == 0 &&
           event_add(&server->interrupt, NULL) == 0 && event_add(&server->hangup, NULL) == 0;
}

static bool server_init(struct server *server, struct config *config)
{
    /* The microsecond of the start: larger than any seq that was given out before, so that a client
     * which comes back after a restart can be told what it missed. */
    uint64_t head = clock_wall_us();

    server->config = config;
    server->started_ms = clock_ms();
    numbering_init(&server->numbering, head);
    ratelimit_init(&server->publish_limit, (unsigned)config->publish_rate,
                   (unsigned)config->publish_burst);
    json_object_seed(0);
    reload_init(&server->reload);
    crypto_random(server->ticket_seed, sizeof(server->ticket_seed));
    bool ok = server_init_main_loop(server) && broadcast_init(&server->broadcast, server) == 0 &&
              server_init_threads(server, head) && drain_init(server) &&
              limits_init(&server->limits) && watch_start(server) &&
              acceptor_init(&server->acceptor, server);
    explicit_bzero(server->ticket_seed, sizeof(server->ticket_seed));
    return ok;
}

/* What only root may open is opened by server_init; then root is given up, for what comes after. */
static bool server_open(struct server *server, struct config *config)
{
    if (!rlimits_set(config) || !server_init(server, config) || !privileges_drop(config) ||
        !server_open_logs(server))
        return false;
    rlimits_allow_cores(config);
    return server_start_stages(server) == 0;
}

int server_run(struct config *config, void (*on_ready)(void *arg), void *arg)
{
    static struct server server; /* the one server of this process */

    if (!server_open(&server, config)) {
        log_error("server", "cannot start");
        return 1; /* the process ends, and with it everything that was begun */
    }
    config_log_warnings(config);
    log_info("server", "ready, %u I/O threads", server.io_thread_count);
    on_ready(arg);
    notify_ready("serving");
    event_base_dispatch(server.main.base);
    server_block_signals(NULL); /* one that comes now would not make it quicker */
    server_stop_stages(&server);
    server_destroy(&server);
    log_info("server", "stopped");
    return 0;
}
