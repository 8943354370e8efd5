#include "unit.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/stentord/poller.h"
#include "stentor/base/loop.h"

enum { SOCKETS = 20 };

struct watched {
    struct watcher *watcher;
    int fd;
    int peer;
    short events; /* watched for */
    short told;   /* by all calls together */
    unsigned calls;
    struct watched *forget; /* what the call does: forgets that one */
};

struct watcher {
    struct event_base *base;
    struct poller poller;
    struct watched sockets[SOCKETS];
};

static void on_ready(void *object, short events)
{
    struct watched *watched = object;

    watched->told |= events;
    watched->calls++;
    if (watched->forget != NULL)
        poller_forget(&watched->watcher->poller, watched->forget->fd, watched->forget);
}

static void watch(struct watched *watched, short events)
{
    assert_true(
        poller_watch(&watched->watcher->poller, watched->fd, watched, watched->events, events));
    watched->events = events;
}

static int open_watcher(void **state)
{
    struct watcher *watcher = calloc(1, sizeof(*watcher));

    assert_non_null(watcher);
    watcher->base = loop_new();
    assert_non_null(watcher->base);
    assert_int_equal(poller_init(&watcher->poller, watcher->base, on_ready), 0);
    for (size_t i = 0; i < SOCKETS; i++) {
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        watcher->sockets[i] = (struct watched){watcher, fds[0], fds[1], 0, 0, 0, NULL};
    }
    *state = watcher;
    return 0;
}

static int close_watcher(void **state)
{
    struct watcher *watcher = *state;

    poller_destroy(&watcher->poller);
    event_base_free(watcher->base);
    for (size_t i = 0; i < SOCKETS; i++) {
        close(watcher->sockets[i].fd);
        if (watcher->sockets[i].peer >= 0)
            close(watcher->sockets[i].peer);
    }
    free(watcher);
    return 0;
}

/* One turn of the loop. */
static void turn(struct watcher *watcher)
{
    assert_int_not_equal(event_base_loop(watcher->base, EVLOOP_ONCE | EVLOOP_NONBLOCK), -1);
}

static void say(const struct watched *watched)
{
    assert_int_equal(write(watched->peer, "x", 1), 1);
}

static void test_tells_what_is_ready(void **state)
{
    struct watcher *watcher = *state;
    struct watched *reads = &watcher->sockets[0], *writes = &watcher->sockets[1];

    watch(reads, EV_READ);
    watch(writes, EV_READ | EV_WRITE);
    turn(watcher);
    assert_int_equal(reads->calls, 0);
    assert_int_equal(writes->told, EV_WRITE);
    say(reads);
    say(writes);
    turn(watcher);
    turn(watcher); /* and again, as long as nobody reads */
    assert_int_equal(reads->told, EV_READ);
    assert_int_equal(reads->calls, 2);
    assert_int_equal(writes->told, EV_READ | EV_WRITE);
}

static void test_watches_for_something_else(void **state)
{
    struct watcher *watcher = *state;
    struct watched *watched = &watcher->sockets[0];

    say(watched);
    watch(watched, EV_READ);
    watch(watched, EV_WRITE);
    turn(watcher);
    assert_int_equal(watched->told, EV_WRITE);
    watch(watched, 0);
    turn(watcher);
    assert_int_equal(watched->calls, 1);
    watch(watched, EV_READ);
    turn(watcher);
    assert_int_equal(watched->calls, 2);
}

static void test_tells_an_end_as_both(void **state)
{
    struct watcher *watcher = *state;
    struct watched *watched = &watcher->sockets[0];

    watch(watched, EV_READ);
    close(watched->peer);
    watched->peer = -1;
    turn(watcher);
    assert_int_equal(watched->told, EV_READ | EV_WRITE);
}

/* Whoever is called first forgets somebody whose turn would come next: gone means gone. */
static void test_does_not_tell_the_forgotten(void **state)
{
    struct watcher *watcher = *state;
    unsigned calls = 0;

    for (size_t i = 0; i < SOCKETS; i++) {
        watch(&watcher->sockets[i], EV_READ);
        say(&watcher->sockets[i]);
        watcher->sockets[i].forget = &watcher->sockets[SOCKETS - 1 - i];
    }
    turn(watcher);
    for (size_t i = 0; i < SOCKETS; i++)
        calls += watcher->sockets[i].calls;
    assert_int_equal(calls, SOCKETS / 2);
    for (size_t i = 0; i < SOCKETS; i++)
        assert_int_equal(watcher->sockets[i].calls + watcher->sockets[SOCKETS - 1 - i].calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tells_what_is_ready, open_watcher, close_watcher),
        cmocka_unit_test_setup_teardown(test_watches_for_something_else, open_watcher,
                                        close_watcher),
        cmocka_unit_test_setup_teardown(test_tells_an_end_as_both, open_watcher, close_watcher),
        cmocka_unit_test_setup_teardown(test_does_not_tell_the_forgotten, open_watcher,
                                        close_watcher),
    };

    return cmocka_run_group_tests_name("poller", tests, NULL, NULL);
}
