/*
 * poller.h - which of an I/O thread's sockets are ready: an epoll set of its own inside the loop.
 *
 * libevent takes 128 bytes for an event and some 60 more for each descriptor, which it keeps, one
 * here and one there among other memory, for as long as the loop lives: when a hundred thousand
 * clients have left, hardly a page of theirs could be given back. All that a connection needs of
 * it is "call me when the socket is ready", which the kernel's set remembers by itself. So the loop
 * (timers, mail, signals) watches one descriptor for all sockets, the set's.
 *
 * Belongs to one I/O thread.
 */
#ifndef STENTORD_POLLER_H
#define STENTORD_POLLER_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include <stdbool.h>

#include "stentor/base/compiler.h"

struct epoll_event;

/* The object's socket is ready for some of what it is watched for: EV_READ, EV_WRITE. Errors are
 * shown as both, so that the next call finds them. */
typedef void poller_ready(void *object, short events);

struct poller {
    int fd;
    poller_ready *ready;
    struct event event;        /* of the set */
    struct epoll_event *batch; /* what is ready and has not been looked at: from `next` on */
    int next;
    int count;
    bool full; /* the last batch was as large as it may be: more is ready */
};

/* 0 or a negative errno. */
int poller_init(struct poller *poller, struct event_base *base, poller_ready *ready) MUST_CHECK;
void poller_destroy(struct poller *poller);

/* Watches the object's socket for `to` instead of `from`; 0 stands for not at all. Once it is not
 * watched, nothing that had been ready before is told any more. False when memory is out. */
bool poller_watch(struct poller *poller, int fd, void *object, short from, short to) MUST_CHECK;

/* No longer. */
void poller_forget(struct poller *poller, int fd, void *object);

#endif
