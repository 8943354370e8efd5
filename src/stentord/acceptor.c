#include "acceptor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io_thread.h"
#include "server.h"
#include "stentor/base/clock.h"
#include "stentor/base/log.h"
#include "tls_context.h"

enum acceptor_whom { ACCEPTOR_ALL, ACCEPTOR_CLIENTS, ACCEPTOR_ADMINS };

enum {
    ACCEPTOR_BATCH = 64,          /* connections per listener and turn */
    ACCEPTOR_GATHER_NS = 1000000, /* between two turns, while clients come */
    ACCEPTOR_MIN_PAUSE = 10,      /* milliseconds */
    ACCEPTOR_MAX_PAUSE = 1000,
    ACCEPTOR_FULL_PAUSE = 20,
    ACCEPTOR_LEAST = 1,    /* clients that there must be room for */
    ACCEPTOR_RESERVE = 64, /* descriptors for listeners, logs, admins; 4 more for each I/O thread */
};

/* Listens, or does not: all of them, those for clients, or those for admins. */
static void acceptor_listen(struct acceptor *acceptor, enum acceptor_whom whom, bool on)
{
    for (size_t i = 0; i < acceptor->config->listener_count; i++) {
        struct listener *listener = acceptor->listeners[i];

        if (listener == NULL) /* while they are being exchanged */
            continue;
        if ((whom == ACCEPTOR_CLIENTS && listener->admin) ||
            (whom == ACCEPTOR_ADMINS && !listener->admin))
            continue;
        if (on)
            event_add(&listener->event, NULL);
        else
            event_del(&listener->event);
    }
}

static void acceptor_schedule_resume(struct acceptor *acceptor, unsigned ms)
{
    struct timeval delay = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

    evtimer_add(&acceptor->resume, &delay);
}

/* Nothing can be accepted for now: waits, twice as long each time. */
static void acceptor_pause(struct acceptor *acceptor, int error)
{
    unsigned ms = acceptor->pause_ms * 2;

    if (ms < ACCEPTOR_MIN_PAUSE)
        ms = ACCEPTOR_MIN_PAUSE;
    if (ms > ACCEPTOR_MAX_PAUSE)
        ms = ACCEPTOR_MAX_PAUSE;
    if (acceptor->pause_ms == 0)
        log_warning("accept", "paused: %s; raise the limit of open files, or lower max_clients",
                    strerror(error));
    acceptor->pause_ms = ms;
    stats_add(&acceptor->stats.accept_pauses, 1);
    acceptor_listen(acceptor, ACCEPTOR_ALL, false);
    acceptor_schedule_resume(acceptor, ms);
}

static bool acceptor_at_limit(const struct acceptor *acceptor)
{
    return server_open_conns(acceptor->server) >= acceptor->max_clients;
}

static void acceptor_stop_clients(struct acceptor *acceptor)
{
    if (!acceptor->full) {
        log_warning("accept", "max_clients (%d) reached: new clients have to wait",
                    acceptor->max_clients);
        stats_add(&acceptor->stats.accept_pauses, 1);
        stats_add(&acceptor->stats.accept_max_clients, 1);
    }
    acceptor->full = true;
    acceptor_listen(acceptor, ACCEPTOR_CLIENTS, false);
    acceptor_schedule_resume(acceptor, ACCEPTOR_FULL_PAUSE);
}

static void acceptor_on_resume(evutil_socket_t fd, short events, void *arg)
{
    struct acceptor *acceptor = arg;

    (void)fd;
    (void)events;
    if (acceptor->full && acceptor_at_limit(acceptor)) {
        acceptor_listen(acceptor, ACCEPTOR_ADMINS, true);
        acceptor_schedule_resume(acceptor, ACCEPTOR_FULL_PAUSE);
        return;
    }
    acceptor->full = false;
    acceptor_listen(acceptor, ACCEPTOR_ALL, true);
}

/* Counts what accept4 failed with; true when accepting has to pause. */
static bool acceptor_count_error(struct acceptor *acceptor, int error)
{
    switch (error) {
    case EAGAIN:
    case EINTR:
        return false;
    case EPROTO: /* other errors of the connection, or of the network to it: accept(2) */
    case EPERM:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
        stats_add(&acceptor->stats.accept_other, 1);
        return false;
    case EMFILE:
        stats_add(&acceptor->stats.accept_emfile, 1);
        return true;
    case ENFILE:
        stats_add(&acceptor->stats.accept_enfile, 1);
        return true;
    case ENOMEM:
    case ENOBUFS:
        stats_add(&acceptor->stats.accept_enomem, 1);
        return true;
    default:
        stats_add(&acceptor->stats.accept_other, 1);
        return true;
    }
}

static void acceptor_flush(struct acceptor *acceptor, unsigned thread)
{
    struct accepted_mail *batch = acceptor->batches[thread];

    if (batch == NULL)
        return;
    acceptor->batches[thread] = NULL;
    batch->mail.open = io_thread_open_accepted;
    stage_post(&acceptor->server->io_threads[thread].stage, &batch->mail);
}

static void acceptor_flush_all(struct acceptor *acceptor)
{
    for (unsigned i = 0; i < acceptor->server->io_thread_count; i++)
        acceptor_flush(acceptor, i);
}

/* Is it for the address at the other end that a connection counts? Behind a proxy, all have one. */
static bool acceptor_counts(const struct listener *listener)
{
    return !listener->admin && !listener->proxied;
}

/* Puts the connection into the batch of the thread whose turn it is. */
static bool acceptor_hand_over(struct acceptor *acceptor, const struct listener *listener, int fd,
                               const struct peer *peer, uint32_t record)
{
    unsigned thread = acceptor->next;
    struct accepted_mail *batch = acceptor->batches[thread];

    acceptor->next = (thread + 1) % acceptor->server->io_thread_count;
    if (batch == NULL)
        batch = acceptor->batches[thread] = calloc(1, sizeof(*batch));
    if (batch == NULL) {
        close(fd);
        return false;
    }
    struct accepted_conn *accepted = &batch->conns[batch->count++];
    accepted->fd = fd;
    accepted->admin = listener->admin;
    accepted->address_record = record;
    accepted->proxied = listener->proxied;
    accepted->redirect = listener->redirect;
    accepted->tls = listener->tls != NULL ? tls_context_ref(listener->tls) : NULL;
    accepted->peer = *peer;
    server_count_conn(acceptor->server, 1);
    stats_add(&acceptor->stats.accepted, 1);
    if (batch->count == IO_THREAD_ACCEPTED)
        acceptor_flush(acceptor, thread);
    return true;
}

/* Tells a client in plain HTTP what is the matter; its request is there already, mostly. A
 * handshake only to refuse somebody would be too dear, so through TLS it is just the end. */
static void acceptor_refuse(struct acceptor *acceptor, const struct listener *listener, int fd)
{
    static const char answer[] =
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nRetry-After: 5\r\n"
        "Content-Length: 112\r\nConnection: close\r\n\r\n"
        "{\"error\":\"too_many_connections\",\"message\":\"this address has as many as one may "
        "have (max_clients_per_address)\"}\n";
    char request[4096];

    stats_add(&acceptor->stats.refused_address, 1);
    /* What has not been read when a socket is closed makes the system reset it. */
    if (listener->tls == NULL && recv(fd, request, sizeof(request), MSG_DONTWAIT) >= 0)
        (void)!send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

/* Counts the connection in its address's record. False when the address has as many as it may have;
 * then the connection is gone. */
static bool acceptor_count_address(struct acceptor *acceptor, const struct listener *listener,
                                   int fd, const struct peer *peer, uint32_t *record)
{
    struct address_table *addresses = &acceptor->server->limits.addresses;
    unsigned limit = (unsigned)acceptor->config->max_clients_per_address, count;
    char text[PEER_TEXT];

    *record = 0;
    if (!acceptor_counts(listener))
        return true;
    *record = address_table_enter(addresses, peer, &count);
    if (limit == 0 || count <= limit)
        return true;
    address_table_leave(addresses, *record);
    log_warning("accept", "%s refused: max_clients_per_address (%u) reached", peer_text(peer, text),
                limit);
    acceptor_refuse(acceptor, listener, fd);
    return false;
}

/* May another client come in now? If not, accepting has paused. */
static bool acceptor_may_accept(struct acceptor *acceptor)
{
    uint64_t wait_ns;

    if (acceptor_at_limit(acceptor)) {
        acceptor_stop_clients(acceptor);
        return false;
    }
    wait_ns = ratelimit_take(&acceptor->rate, 1, clock_ns());
    if (wait_ns == 0)
        return true;
    stats_add(&acceptor->stats.accept_paced, 1);
    log_info("accept", "accept_rate (%d per second) reached: clients have to wait",
             acceptor->config->accept_rate);
    acceptor_listen(acceptor, ACCEPTOR_CLIENTS, false);
    acceptor_schedule_resume(acceptor, (unsigned)(wait_ns / 1000000) + 1);
    return false;
}

/* The next connection; -1 when there is none, or accepting has paused. */
static int acceptor_next(struct acceptor *acceptor, const struct listener *listener,
                         struct sockaddr_storage *address)
{
    socklen_t len = sizeof(*address);
    int fd, error;

    memset(address, 0, sizeof(*address));
    do {
        fd = accept4(listener->fd, (struct sockaddr *)address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        error = errno;
    } while (fd < 0 && error == ECONNABORTED); /* the client did not wait */
    if (fd < 0 && !listener->admin)
        ratelimit_give_back(&acceptor->rate, 1);
    if (fd < 0 && acceptor_count_error(acceptor, error))
        acceptor_pause(acceptor, error);
    return fd;
}

/* Accepts one connection; false when there is no other, or accepting has paused. */
static bool acceptor_accept(struct acceptor *acceptor, struct listener *listener)
{
    struct sockaddr_storage address;
    struct peer peer;
    uint32_t record;
    int fd;

    if (!listener->admin && !acceptor_may_accept(acceptor))
        return false;
    fd = acceptor_next(acceptor, listener, &address);
    if (fd < 0)
        return false;
    acceptor->pause_ms /= 2;
    peer_read(&peer, &address);
    if (!acceptor_count_address(acceptor, listener, fd, &peer, &record))
        return true;
    if (!acceptor_hand_over(acceptor, listener, fd, &peer, record)) {
        address_table_leave(&acceptor->server->limits.addresses, record);
        acceptor_pause(acceptor, ENOMEM);
        return false;
    }
    return true;
}

/* Lets connections come together: those of one millisecond then share the waking up of this thread
 * and of the I/O threads, which costs more than accepting one. There is nothing else to do here. */
static void acceptor_gather(void)
{
    const struct timespec pause = {0, ACCEPTOR_GATHER_NS};

    nanosleep(&pause, NULL);
}

static void acceptor_on_ready(evutil_socket_t fd, short events, void *arg)
{
    struct listener *listener = arg;
    struct acceptor *acceptor = listener->acceptor;

    (void)fd;
    (void)events;
    int accepted = 0;
    while (accepted < ACCEPTOR_BATCH && acceptor_accept(acceptor, listener))
        accepted++;
    acceptor_flush_all(acceptor);
    if (accepted > 0 && accepted < ACCEPTOR_BATCH)
        acceptor_gather();
}

/* max_clients, or what the limit of descriptors leaves. */
static int acceptor_limit(const struct acceptor *acceptor)
{
    const struct config *config = acceptor->config;
    int reserve = ACCEPTOR_RESERVE + 4 * (int)acceptor->server->io_thread_count;
    int room = 1024 - reserve;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        room = files.rlim_cur > 10000000 ? 10000000 : (int)files.rlim_cur - reserve;
    if (config->max_clients > room)
        log_warning("accept", "max_clients is %d, but the limit of open files allows %d",
                    config->max_clients, room);
    return config->max_clients > 0 && config->max_clients < room ? config->max_clients : room;
}

/* As many as come in a tenth of a second may come at once. */
static unsigned acceptor_burst(const struct config *config)
{
    return (unsigned)config->accept_rate / 10 + 1;
}

static void acceptor_add(struct acceptor *acceptor, struct listener *listener)
{
    listener->acceptor = acceptor;
    event_assign(&listener->event, acceptor->stage.base, listener->fd, EV_READ | EV_PERSIST,
                 acceptor_on_ready, listener);
    listener_log(listener, "on");
}

static bool acceptor_open_listeners(struct acceptor *acceptor)
{
    const struct config *config = acceptor->config;
    struct strbuf error = STRBUF_INIT;

    for (size_t i = 0; i < config->listener_count; i++) {
        acceptor->listeners[i] = listener_open(config, &config->listeners[i], &error);
        if (acceptor->listeners[i] == NULL) {
            log_error("listen", "%s", strbuf_cstr(&error));
            strbuf_free(&error);
            return false;
        }
        acceptor_add(acceptor, acceptor->listeners[i]);
    }
    acceptor_listen(acceptor, ACCEPTOR_ALL, true);
    return true;
}

bool acceptor_init(struct acceptor *acceptor, struct server *server)
{
    acceptor->server = server;
    acceptor->config = config_ref(server->config);
    ratelimit_init(&acceptor->rate, (unsigned)acceptor->config->accept_rate,
                   acceptor_burst(acceptor->config));
    acceptor->max_clients = acceptor_limit(acceptor);
    if (acceptor->max_clients < ACCEPTOR_LEAST) {
        log_error("accept", "the limit of open files leaves no room for clients; raise it to "
                            "what max_clients needs and 64 more (ulimit -n)");
        return false;
    }
    acceptor->batches = calloc(server->io_thread_count, sizeof(struct accepted_mail *));
    acceptor->listeners = calloc(server->config->listener_count, sizeof(struct listener *));
    if (acceptor->batches == NULL || acceptor->listeners == NULL ||
        stage_init(&acceptor->stage, "acceptor", acceptor) < 0)
        return false;
    evtimer_assign(&acceptor->resume, acceptor->stage.base, acceptor_on_resume, acceptor);
    return acceptor_open_listeners(acceptor);
}

/* Whoever has connected already is let in first. */
static void acceptor_remove(struct acceptor *acceptor, struct listener *listener)
{
    while (acceptor_accept(acceptor, listener))
        continue;
    acceptor_flush_all(acceptor);
    event_del(&listener->event);
    listener_log(listener, "no longer on");
    listener_close(listener);
}

void acceptor_set_config(struct acceptor *acceptor, struct config *config,
                         struct listener **listeners, const size_t *kept)
{
    struct config *old = acceptor->config;

    OWNER_ASSERT(&acceptor->stage.owner);
    for (size_t i = 0; i < config->listener_count; i++) {
        if (listeners[i] != NULL) {
            acceptor_add(acceptor, listeners[i]);
            continue;
        }
        listeners[i] = acceptor->listeners[kept[i]];
        acceptor->listeners[kept[i]] = NULL;
        listener_set_config(listeners[i], config, &config->listeners[i]);
    }
    for (size_t i = 0; i < old->listener_count; i++)
        if (acceptor->listeners[i] != NULL)
            acceptor_remove(acceptor, acceptor->listeners[i]);
    free(acceptor->listeners);
    acceptor->listeners = listeners;
    acceptor->config = config_ref(config);
    ratelimit_set(&acceptor->rate, (unsigned)config->accept_rate, acceptor_burst(config));
    acceptor->max_clients = acceptor_limit(acceptor);
    config_unref(&old);
    acceptor_listen(acceptor, ACCEPTOR_ALL, true); /* whatever it waited for may have changed */
}

void acceptor_refuse_clients(struct acceptor *acceptor)
{
    OWNER_ASSERT(&acceptor->stage.owner);
    for (size_t i = 0; i < acceptor->config->listener_count; i++) {
        struct listener *listener = acceptor->listeners[i];

        if (listener == NULL || listener->admin)
            continue;
        acceptor->listeners[i] = NULL;
        acceptor_remove(acceptor, listener);
    }
}

void acceptor_close(struct acceptor *acceptor)
{
    for (size_t i = 0; i < acceptor->config->listener_count; i++) {
        if (acceptor->listeners[i] == NULL)
            continue;
        event_del(&acceptor->listeners[i]->event);
        listener_close(acceptor->listeners[i]);
        acceptor->listeners[i] = NULL;
    }
}

void acceptor_destroy(struct acceptor *acceptor)
{
    acceptor_close(acceptor);
    event_del(&acceptor->resume);
    free(acceptor->listeners);
    free(acceptor->batches);
    stage_destroy(&acceptor->stage);
    config_unref(&acceptor->config);
}
