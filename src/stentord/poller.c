#include "poller.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

/* So many sockets are served in a row; then it is the turn of mail, timers and deliveries. */
enum { POLLER_BATCH = 512 };

static short poller_events(uint32_t ready)
{
    short events = 0;

    if (ready & (EPOLLERR | EPOLLHUP))
        return EV_READ | EV_WRITE;
    if (ready & EPOLLIN)
        events |= EV_READ;
    if (ready & EPOLLOUT)
        events |= EV_WRITE;
    return events;
}

static void poller_on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct epoll_event batch[POLLER_BATCH];
    struct poller *poller = arg;

    (void)fd;
    (void)what;
    poller->batch = batch;
    poller->count = epoll_wait(poller->fd, batch, POLLER_BATCH, 0);
    poller->full = poller->count == POLLER_BATCH;
    for (poller->next = 0; poller->next < poller->count;) {
        const struct epoll_event *event = &batch[poller->next++];

        if (event->data.ptr != NULL)
            poller->ready(event->data.ptr, poller_events(event->events));
    }
    poller->batch = NULL;
    poller->count = 0;
}

int poller_init(struct poller *poller, struct event_base *base, poller_ready *ready)
{
    *poller = (struct poller){.ready = ready, .fd = epoll_create1(EPOLL_CLOEXEC)};
    if (poller->fd < 0)
        return -errno;
    event_assign(&poller->event, base, poller->fd, EV_READ | EV_PERSIST, poller_on_ready, poller);
    return event_add(&poller->event, NULL) == 0 ? 0 : -ENOMEM;
}

void poller_destroy(struct poller *poller)
{
    event_del(&poller->event);
    close(poller->fd);
}

/* It may be in the batch that is being served, and may be gone when its turn comes. */
static void poller_strike(struct poller *poller, const void *object)
{
    for (int i = poller->next; i < poller->count; i++)
        if (poller->batch[i].data.ptr == object)
            poller->batch[i].data.ptr = NULL;
}

bool poller_watch(struct poller *poller, int fd, void *object, short from, short to)
{
    struct epoll_event event = {.data.ptr = object};

    if (to == 0) {
        poller_forget(poller, fd, object);
        return true;
    }
    if (to & EV_READ)
        event.events |= EPOLLIN;
    if (to & EV_WRITE)
        event.events |= EPOLLOUT;
    return epoll_ctl(poller->fd, from == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) == 0;
}

void poller_forget(struct poller *poller, int fd, void *object)
{
    epoll_ctl(poller->fd, EPOLL_CTL_DEL, fd, NULL);
    poller_strike(poller, object);
}
