#include "watch.h"

#include "server.h"
#include "stentor/base/log.h"

enum { WATCH_MS = 250 };

static void watch_on_timer(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    limits_watch_memory(arg);
    log_flush();
}

bool watch_start(struct server *server)
{
    static const struct timeval interval = {0, WATCH_MS * 1000};

    event_assign(&server->watch.timer, server->main.base, -1, EV_PERSIST, watch_on_timer, server);
    return event_add(&server->watch.timer, &interval) == 0;
}

void watch_stop(struct server *server)
{
    event_del(&server->watch.timer);
}
