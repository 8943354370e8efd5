#include "link.h"

#include <errno.h>
#include <stdbool.h>
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

static void link_init(struct link *link, struct links *links, unsigned source, bool is_extra,
                      const struct link_ops *ops)
{
    OBJ_INIT(link, LINK_MAGIC);
    link->links = links;
    link->ops = ops;
    link->source = source;
    link->is_extra = is_extra;
}

static const char *link_connect(struct link *link)
{
    struct links *links = link->links;
    int fd = net_connect(&links->target, net_source(&links->sources, link->source));

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

static void link_end(struct link *link, const char *cause)
{
    link_close(link);
    link->ops->ended(link, cause);
}

static void link_keep(struct link *link, const void *data, size_t len)
{
    if (link->unsent == NULL)
        link->unsent = calloc(1, sizeof(*link->unsent));
    ENSURE(link->unsent != NULL);
    strbuf_append(link->unsent, data, len);
    ENSURE(!link->unsent->failed);
}

/* An error is not handled here: the next read finds it as well. */
void link_write(struct link *link, const void *data, size_t len)
{
    ssize_t n = 0;

    if (link->unsent == NULL) {
        n = send(event_get_fd(&link->event), data, len, MSG_NOSIGNAL);
        if (n == (ssize_t)len || (n < 0 && errno != EAGAIN))
            return;
        link_watch_again(link, EV_READ | EV_WRITE);
    }
    n = n > 0 ? n : 0;
    link_keep(link, (const char *)data + n, len - (size_t)n);
}

static void link_flush(struct link *link)
{
    struct strbuf *unsent = link->unsent;
    ssize_t n = send(event_get_fd(&link->event), unsent->data, unsent->len, MSG_NOSIGNAL);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n >= 0 && (size_t)n < unsent->len) {
        strbuf_consume(unsent, (size_t)n);
        return;
    }
    link_forget_unsent(link);
    link_watch_again(link, EV_READ);
}

static void link_connected(struct link *link)
{
    int error = 0;
    socklen_t len = sizeof(error);

    link->links->now_ns = clock_ns();
    if (getsockopt(event_get_fd(&link->event), SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error != 0) {
        link_end(link, tally_errno(error));
        return;
    }
    link->state = LINK_OPEN;
    link_watch_again(link, EV_READ);
    link->ops->connected(link);
}

/* Reads once; returns what recv did. */
static ssize_t link_read(struct link *link)
{
    struct links *links = link->links;
    ssize_t n = recv(event_get_fd(&link->event), links->buffer, sizeof(links->buffer), 0);

    links->now_ns = clock_ns();
    if (n > 0) {
        links->bytes += (uint64_t)n;
        link->ops->received(link, links->buffer, (size_t)n);
    } else if (n == 0) {
        link_end(link, link_ended);
    } else if (errno != EAGAIN && errno != EINTR) {
        link_end(link, tally_errno(errno));
    }
    return n;
}

/* One read empties the socket unless it fills the buffer. Only when the connection has ended is
 * there more to read than bytes: the end itself. A link that was closed meanwhile may be gone. */
static void link_readable(struct link *link, bool ended)
{
    struct links *links = link->links;
    ssize_t n;

    links->reading = link;
    do {
        n = link_read(link);
    } while (links->reading == link && (n == sizeof(links->buffer) || (ended && n > 0)));
    links->reading = NULL;
    links->after_read(links->arg);
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
    if (what & EV_WRITE && link->unsent != NULL)
        link_flush(link);
    if (what & (EV_READ | EV_CLOSED))
        link_readable(link, (what & EV_CLOSED) != 0);
}
