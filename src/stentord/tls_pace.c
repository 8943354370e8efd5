#include "tls_pace.h"

#include "io_thread.h"

enum {
    PACE_NS = 1000000,     /* for handshakes in one turn of the loop */
    PACE_BUSY_NS = 250000, /* while messages are being delivered */
};

static uint64_t pace_share(const struct tls_thread *tls)
{
    return tls->thread->delivery.fanout_count > 0 ? PACE_BUSY_NS : PACE_NS;
}

/* At the next turn of the loop. */
static void pace_schedule(struct tls_thread *tls)
{
    static const struct timeval now = {0, 0};

    if (!evtimer_pending(&tls->turn, NULL))
        evtimer_add(&tls->turn, &now);
}

static void pace_run_ended(struct tls_thread *tls)
{
    struct tls_conn *tc;

    while ((tc = TAILQ_FIRST(&tls->ended)) != NULL) {
        tls_pace_forget(tc);
        conn_read_now(&tc->conn);
    }
}

/* Whoever has begun comes first: so there are few of them, and a client that waits has not been
 * answered yet. */
static struct tls_conn *pace_first(struct tls_thread *tls)
{
    struct tls_conn *tc = TAILQ_FIRST(&tls->paused);

    return tc != NULL ? tc : TAILQ_FIRST(&tls->waiting);
}

static void pace_on_turn(evutil_socket_t fd, short events, void *arg)
{
    struct tls_thread *tls = arg;
    struct tls_conn *tc;

    (void)fd;
    (void)events;
    tls->spent_ns = 0;
    pace_run_ended(tls);
    while (tls->spent_ns < pace_share(tls) && (tc = pace_first(tls)) != NULL) {
        tls_pace_forget(tc);
        tls->chosen = tc;
        conn_stop_reading(&tc->conn, false);
        conn_read_now(&tc->conn);
    }
    tls->chosen = NULL;
    if (pace_first(tls) != NULL)
        pace_schedule(tls);
}

void tls_pace_init(struct tls_thread *tls)
{
    TAILQ_INIT(&tls->waiting);
    TAILQ_INIT(&tls->paused);
    TAILQ_INIT(&tls->ended);
    evtimer_assign(&tls->turn, tls->thread->stage.base, pace_on_turn, tls);
}

void tls_pace_destroy(struct tls_thread *tls)
{
    event_del(&tls->turn);
}

/* Lines it up, without an event until it has its turn. */
static void pace_line_up(struct tls_conn *tc)
{
    struct tls_thread *tls = tc->conn.thread->tls;

    if (tc->state == TLS_CONN_NEW) {
        tc->state = TLS_CONN_WAITING;
        TAILQ_INSERT_TAIL(&tls->waiting, tc, link);
        stats_add(&tc->conn.thread->stats.tls_waited, 1);
    } else {
        tc->state = TLS_CONN_PAUSED;
        TAILQ_INSERT_TAIL(&tls->paused, tc, link);
    }
    conn_stop_reading(&tc->conn, true);
    pace_schedule(tls);
}

bool tls_pace_step(struct tls_conn *tc)
{
    struct tls_thread *tls = tc->conn.thread->tls;
    bool first =
        TAILQ_EMPTY(&tls->paused) && (tc->state == TLS_CONN_SHAKING || TAILQ_EMPTY(&tls->waiting));

    if (tls->chosen != tc && (!first || tls->spent_ns >= pace_share(tls))) {
        pace_line_up(tc);
        return false;
    }
    tc->state = TLS_CONN_SHAKING;
    return true;
}

void tls_pace_spent(struct tls_thread *tls, uint64_t ns)
{
    tls->spent_ns += ns;
    pace_schedule(tls);
}

void tls_pace_tell_end(struct tls_conn *tc)
{
    struct tls_thread *tls = tc->conn.thread->tls;

    if (tc->listed)
        return;
    tc->listed = true;
    TAILQ_INSERT_TAIL(&tls->ended, tc, link);
    pace_schedule(tls);
}

void tls_pace_forget(struct tls_conn *tc)
{
    struct tls_thread *tls = tc->conn.thread->tls;

    if (tc->state == TLS_CONN_WAITING) {
        TAILQ_REMOVE(&tls->waiting, tc, link);
        tc->state = TLS_CONN_NEW;
    } else if (tc->state == TLS_CONN_PAUSED) {
        TAILQ_REMOVE(&tls->paused, tc, link);
        tc->state = TLS_CONN_SHAKING;
    } else if (tc->listed) {
        TAILQ_REMOVE(&tls->ended, tc, link);
        tc->listed = false;
    }
}
