#include "link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stentor/base/clock.h"
#include "stentor/base/obj.h"

#include "tally.h"

#define LINK_MAGIC 0x5c111c27u

const char link_ended[] = "closed";

static void link_on_event(evutil_socket_t fd, short what, void *arg);

/* Edge-triggered: the kernel need not look at each socket twice. */
static void link_watch(struct link *link, evutil_socket_t fd, short what)
{
    event_assign(&link->event, link->links->base, fd,
                 (short)(what | EV_PERSIST | EV_CLOSED | EV_ET), link_on_event, link);
    event_add(&link->event, NULL);
}

static void link_watch_again(struct link *link, short what)
{
    evutil_socket_t fd = event_get_fd(&link->event);

    event_del(&link->event);
    link_watch(link, fd, what);
}

static void link_forget_unsent(struct link *link)
{
    if (link->unsent != NULL)
        strbuf_free(link->unsent);
    free(link->unsent);
    link->unsent = NULL;
}

uint64_t link_total_received(const struct links *links)
{
    return links->received + (links->tls != NULL ? tls_client_received(links->tls) : 0);
}

uint64_t link_total_sent(const struct links *links)
{
    return links->sent + (links->tls != NULL ? tls_client_sent(links->tls) : 0);
}

static void link_init(struct link *link, struct links *links, unsigned source, bool is_extra,
                      const struct link_ops *ops)
{
    OBJ_INIT(link, LINK_MAGIC);
    link->links = links;
    link->ops = ops;
    link->source = source;
    link->is_extra = is_extra;
    link->paused = link->wants_read = false;
}

static const char *link_connect(struct link *link)
{
    struct links *links = link->links;
    int fd = net_connect(&links->target, net_source(&links->sources, link->source), link->narrow);

    if (fd < 0)
        return tally_errno(-fd);
    if (link->is_extra)
        links->extra++;
    else
        links->open++;
    link->state = LINK_CONNECTING;
    link_watch(link, fd, EV_WRITE);
    return NULL;
}

const char *link_open(struct link *link, struct links *links, unsigned source,
                      const struct link_ops *ops)
{
    link_init(link, links, source, false, ops);
    return links->open < links->max_open ? link_connect(link) : tally_errno(EMFILE);
}

const char *link_open_extra(struct link *link, struct links *links, unsigned source,
                            const struct link_ops *ops)
{
    link_init(link, links, source, true, ops);
    if (links->extra < links->max_extra)
        return link_connect(link);
    link->state = LINK_WAITING;
    TAILQ_INSERT_TAIL(&links->waiting, link, next);
    return NULL;
}

void link_open_waiting(struct links *links)
{
    struct link *link;

    while (links->extra < links->max_extra && (link = TAILQ_FIRST(&links->waiting)) != NULL) {
        const char *cause;

        link_close(link);
        cause = link_connect(link);
        if (cause != NULL)
            link->ops->ended(link, cause);
    }
}

static void link_close_socket(struct link *link)
{
    struct links *links = link->links;

    event_del(&link->event);
    if (link->tls != NULL)
        tls_say_goodbye(link->tls);
    tls_free(&link->tls);
    close(event_get_fd(&link->event));
    if (link->is_extra)
        links->extra--;
    else
        links->open--;
    if (links->reading == link)
        links->reading = NULL;
    link_forget_unsent(link);
}

void link_close(struct link *link)
{
    if (link->state == LINK_WAITING)
        TAILQ_REMOVE(&link->links->waiting, link, next);
    else if (link->state != LINK_CLOSED)
        link_close_socket(link);
    link->state = LINK_CLOSED;
}

void link_abort(struct link *link)
{
    static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (link->state > LINK_WAITING)
        setsockopt(event_get_fd(&link->event), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    link_close(link);
}

static void link_end(struct link *link, const char *cause)
{
    link_close(link);
    link->ops->ended(link, cause);
}

void link_adopt(struct link *link, struct link *from, const struct link_ops *ops)
{
    struct links *links = from->links;
    evutil_socket_t fd = event_get_fd(&from->event);

    link_init(link, links, from->source, false, ops);
    event_del(&from->event);
    link->state = from->state;
    link->tls = from->tls;
    link->unsent = from->unsent;
    link->wants_read = from->wants_read;
    link_watch(link, fd, link->unsent != NULL ? EV_READ | EV_WRITE : EV_READ);
    if (links->reading == from)
        links->reading = NULL; /* the new one's event comes anew */
    links->extra -= from->is_extra;
    links->open++;
    from->tls = NULL;
    from->unsent = NULL;
    from->state = LINK_CLOSED;
}

/* --- Sending. */

static void link_keep(struct link *link, const void *data, size_t len)
{
    if (link->unsent == NULL)
        link->unsent = calloc(1, sizeof(*link->unsent));
    ENSURE(link->unsent != NULL);
    strbuf_append(link->unsent, data, len);
    ENSURE(!link->unsent->failed);
}

/* How much of it was taken. An error counts as all of it: the next read finds it as well. */
static size_t link_send(struct link *link, const void *data, size_t len)
{
    size_t done;
    ssize_t n;

    if (link->tls != NULL) {
        enum tls_result result = tls_write(link->tls, data, len, &done);

        link->wants_read = result == TLS_WANT_READ;
        return result == TLS_FAILED || result == TLS_ENDED ? len : done;
    }
    n = send(event_get_fd(&link->event), data, len, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN ? 0 : len;
    link->links->sent += (uint64_t)n;
    return (size_t)n;
}

static short link_reading(const struct link *link)
{
    return link->paused ? 0 : EV_READ;
}

void link_write(struct link *link, const void *data, size_t len)
{
    size_t done = 0;

    if (link->unsent == NULL) {
        done = link_send(link, data, len);
        if (done == len)
            return;
        link_watch_again(link, (short)(link_reading(link) | EV_WRITE));
    }
    link_keep(link, (const char *)data + done, len - done);
}

/* As far as the socket takes it: TLS takes a record at a time. */
static void link_flush(struct link *link)
{
    struct strbuf *unsent = link->unsent;
    size_t done;

    while (unsent->len > 0 && (done = link_send(link, unsent->data, unsent->len)) > 0)
        strbuf_consume(unsent, done);
    if (unsent->len > 0)
        return;
    link_forget_unsent(link);
    link_watch_again(link, link_reading(link));
}

/* --- Connecting. */

static void link_opened(struct link *link)
{
    link->state = LINK_OPEN;
    link_watch_again(link, EV_READ);
    link->ops->connected(link);
}

static void link_secure(struct link *link)
{
    switch (tls_handshake(link->tls)) {
    case TLS_OK:
        link_opened(link);
        break;
    case TLS_WANT_READ:
        link_watch_again(link, EV_READ);
        break;
    case TLS_WANT_WRITE:
        link_watch_again(link, EV_WRITE);
        break;
    case TLS_ENDED:
    case TLS_FAILED: {
        char cause[TALLY_MAX_LABEL]; /* the connection's own goes with it */

        snprintf(cause, sizeof(cause), "%s", tls_cause(link->tls));
        link_end(link, cause);
        break;
    }
    }
}

static void link_connected(struct link *link)
{
    evutil_socket_t fd = event_get_fd(&link->event);
    struct links *links = link->links;
    int error = 0;
    socklen_t len = sizeof(error);

    links->now_ns = clock_ns();
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error != 0) {
        link_end(link, tally_errno(error));
        return;
    }
    if (links->tls == NULL) {
        link_opened(link);
        return;
    }
    link->tls = tls_new(links->tls, fd);
    if (link->tls == NULL) {
        link_end(link, tally_errno(ENOMEM));
        return;
    }
    link->state = LINK_SECURING;
    link_secure(link);
}

/* --- Receiving. */

/* Reads once from a plain socket; how many bytes came, or 0 when it is empty or has ended. */
static size_t link_read_plain(struct link *link, size_t max)
{
    struct links *links = link->links;
    ssize_t n = recv(event_get_fd(&link->event), links->buffer, max, 0);

    links->now_ns = clock_ns();
    if (n > 0) {
        links->received += (uint64_t)n;
        link->ops->received(link, links->buffer, (size_t)n);
        return (size_t)n;
    }
    if (n == 0)
        link_end(link, link_ended);
    else if (errno != EAGAIN && errno != EINTR)
        link_end(link, tally_errno(errno));
    return 0;
}

/* The same with TLS. */
static size_t link_read_tls(struct link *link, size_t max)
{
    struct links *links = link->links;
    size_t n;
    enum tls_result result = tls_read(link->tls, links->buffer, max, &n);
    char cause[TALLY_MAX_LABEL];

    links->now_ns = clock_ns();
    if (result == TLS_OK)
        link->ops->received(link, links->buffer, n);
    else if (result == TLS_ENDED)
        link_end(link, link_ended);
    else if (result == TLS_FAILED) {
        snprintf(cause, sizeof(cause), "%s", tls_cause(link->tls));
        link_end(link, cause);
    }
    return result == TLS_OK ? n : 0;
}

static size_t link_read(struct link *link, size_t max)
{
    return link->tls != NULL ? link_read_tls(link, max) : link_read_plain(link, max);
}

/* One read empties a plain socket unless it fills the buffer. Only when the connection has ended
 * is there more to read than bytes: the end itself. TLS reads a record at a time, until there is
 * none. A link that was closed meanwhile may be gone. */
static void link_readable(struct link *link, bool ended)
{
    struct links *links = link->links;
    bool secure = link->tls != NULL;
    size_t n;

    links->reading = link;
    do {
        n = link_read(link, sizeof(links->buffer));
    } while (links->reading == link && !link->paused && n > 0 &&
             (secure || ended || n == sizeof(links->buffer)));
    links->reading = NULL;
    if (links->after_read != NULL)
        links->after_read(links->arg);
}

void link_pause(struct link *link)
{
    if (link->state != LINK_OPEN || link->paused)
        return;
    link->paused = true;
    link_watch_again(link, link->unsent != NULL ? EV_WRITE : 0);
}

void link_read_some(struct link *link, size_t len)
{
    struct links *links = link->links;

    if (link->state != LINK_OPEN || len == 0)
        return;
    links->reading = link;
    link_read(link, len < sizeof(links->buffer) ? len : sizeof(links->buffer));
    links->reading = NULL;
}

static void link_on_event(evutil_socket_t fd, short what, void *arg)
{
    struct link *link;

    (void)fd;
    OBJ_CAST(link, arg, LINK_MAGIC);
    if (link->state == LINK_CONNECTING) {
        link_connected(link);
        return;
    }
    if (link->state == LINK_SECURING) {
        link_secure(link);
        return;
    }
    if (what & (EV_WRITE | (link->wants_read ? EV_READ : 0)) && link->unsent != NULL)
        link_flush(link);
    if (link->paused && what & EV_CLOSED)
        link_end(link, link_ended); /* what it has not read it will never read */
    else if (what & (EV_READ | EV_CLOSED))
        link_readable(link, (what & EV_CLOSED) != 0);
}
