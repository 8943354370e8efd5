#include "crowd_behaviour.h"

#include "stentor/base/clock.h"
#include "stentor/base/obj.h"

#include "quota.h"

#define CROWD_RETRY_MS 1000u
#define CROWD_GOODBYE_MS 3000u
#define CROWD_MS_NS 1000000u

static uint64_t crowd_now_ms(const struct crowd *crowd)
{
    return crowd->links.now_ns / CROWD_MS_NS;
}

static void crowd_set_timer(struct crowd *crowd, struct client *client, uint64_t ms)
{
    wheel_set(&crowd->wheel, &client->timer, crowd_now_ms(crowd) + ms);
}

void crowd_behaviour_init(struct crowd *crowd)
{
    wheel_init(&crowd->wheel, clock_ms());
    TAILQ_INIT(&crowd->returning);
    TAILQ_INIT(&crowd->slow);
    histogram_init(&crowd->behaviour.return_delay);
}

/* Each transport has each kind in its share. */
void crowd_behaviour_assign(struct crowd *crowd, struct client *client)
{
    unsigned *behaving = client->audience->behaving;

    client->kind = (uint8_t)quota_next(crowd->options->behaviour.shares, BEHAVIOUR_KINDS,
                                       BEHAVIOUR_WHOLE, behaving);
    behaving[client->kind]++;
    crowd->behaviour.churning += client->kind == BEHAVIOUR_CHURN;
    crowd->behaviour.stalled += client->kind == BEHAVIOUR_STALLED;
    crowd->behaviour.slow += client->kind == BEHAVIOUR_SLOW;
}

/* Does the next one that leaves go without a goodbye? */
bool crowd_behaviour_is_abrupt(struct crowd *crowd)
{
    uint32_t abrupt = crowd->options->behaviour.abrupt;
    uint32_t shares[2] = {BEHAVIOUR_WHOLE - abrupt, abrupt};
    unsigned which = quota_next(shares, 2, BEHAVIOUR_WHOLE, crowd->goodbyes);

    crowd->goodbyes[which]++;
    return which == 1;
}

static uint64_t crowd_stay_ms(struct crowd *crowd)
{
    const struct behaviour *behaviour = &crowd->options->behaviour;
    uint64_t range_ns = behaviour->stay_max_ns - behaviour->stay_min_ns;

    return (behaviour->stay_min_ns + crowd_random(crowd) % (range_ns + 1)) / CROWD_MS_NS;
}

void crowd_behaviour_on_joined(struct crowd *crowd, struct client *client)
{
    if (client->life > 0) {
        crowd->behaviour.returned++;
        histogram_record(&crowd->behaviour.return_delay, crowd->links.now_ns - client->left_ns);
    }
    client->returning = false;
    wheel_cancel(&crowd->wheel, &client->timer);
    switch (client->kind) {
    case BEHAVIOUR_CHURN:
        crowd_set_timer(crowd, client, crowd_stay_ms(crowd));
        break;
    case BEHAVIOUR_STALLED:
        link_pause(&client->link);
        break;
    case BEHAVIOUR_SLOW:
        link_pause(&client->link);
        TAILQ_INSERT_TAIL(&crowd->slow, client, queue);
        break;
    default:
        break;
    }
}

void crowd_behaviour_on_failed(struct crowd *crowd, struct client *client, const char *cause)
{
    tally_add(&crowd->behaviour.failures, cause);
    if (!crowd->closing)
        crowd_set_timer(crowd, client, CROWD_RETRY_MS);
}

static void crowd_come_back(struct crowd *crowd, struct client *client)
{
    wheel_cancel(&crowd->wheel, &client->timer);
    TAILQ_INSERT_TAIL(&crowd->returning, client, queue);
    alarm_set(&crowd->connect_alarm, 1);
}

/* Whoever left to come back does so at once. A connect that failed is tried again later. */
void crowd_behaviour_on_closed(struct crowd *crowd, struct client *client, enum client_state was)
{
    if (was < CLIENT_JOINED)
        return;
    if (client->kind == BEHAVIOUR_SLOW)
        TAILQ_REMOVE(&crowd->slow, client, queue);
    if (client->returning && !crowd->closing)
        crowd_come_back(crowd, client);
}

/* It leaves because it wants to, or is cut off: nothing is lost by that. */
static void crowd_depart(struct crowd *crowd, struct client *client, bool abrupt)
{
    crowd->joined--;
    crowd->measured--;
    crowd->behaviour.left++;
    measure_depart(crowd->measure, &client->track);
    directed_departed(crowd->directed, client);
    client->returning = true;
    client->left_ns = crowd->links.now_ns;
    if (abrupt) {
        wheel_cancel(&crowd->wheel, &client->timer);
        link_abort(&client->link);
        client_end(client);
    } else {
        client_close(client);
        if (client->state == CLIENT_CLOSING)
            crowd_set_timer(crowd, client, CROWD_GOODBYE_MS);
    }
}

void crowd_behaviour_storm(struct crowd *crowd)
{
    uint32_t share = crowd->options->behaviour.storm_share;
    uint32_t shares[2] = {BEHAVIOUR_WHOLE - share, share};

    crowd->behaviour.storms++;
    for (unsigned i = 0; i < crowd->started; i++) {
        struct client *client = &crowd->clients[i];
        unsigned which;

        if (client->state != CLIENT_JOINED || !client_measured(client))
            continue;
        which = quota_next(shares, 2, BEHAVIOUR_WHOLE, crowd->cut);
        crowd->cut[which]++;
        if (which == 1)
            crowd_depart(crowd, client, true);
    }
}

bool crowd_behaviour_return(struct crowd *crowd, unsigned max)
{
    struct client *client;

    while (max-- > 0 && (client = TAILQ_FIRST(&crowd->returning)) != NULL) {
        TAILQ_REMOVE(&crowd->returning, client, queue);
        client->life++;
        timeline_add(&crowd->begun, crowd->links.now_ns);
        wheel_set(&crowd->wheel, &client->timer,
                  crowd_now_ms(crowd) + crowd->options->connect_timeout_ns / CROWD_MS_NS);
        client_start(client);
    }
    return !TAILQ_EMPTY(&crowd->returning);
}

static void crowd_on_timer(struct wheel_timer *timer, void *arg)
{
    struct client *client = CONTAINER_OF(timer, struct client, timer);
    struct crowd *crowd = arg;

    if (crowd->closing)
        return;
    if (client->state == CLIENT_JOINED)
        crowd_depart(crowd, client, crowd_behaviour_is_abrupt(crowd));
    else if (client->state == CLIENT_CLOSING)
        client_end(client);
    else if (client->state == CLIENT_CLOSED)
        crowd_come_back(crowd, client);
    else
        client_drop(client, "timeout");
}

/* Each gets as many bytes as its rate allows in the time that has passed. */
static void crowd_read_slowly(struct crowd *crowd, uint64_t now_ns)
{
    uint64_t rate = crowd->options->behaviour.slow_rate;
    uint64_t bytes = (now_ns - crowd->slow_ns) * rate / 1000000000u;
    struct client *client, *next;

    if (crowd->slow_ns == 0 || TAILQ_EMPTY(&crowd->slow))
        crowd->slow_ns = now_ns;
    else if (bytes > 0) {
        crowd->slow_ns += bytes * 1000000000u / rate;
        for (client = TAILQ_FIRST(&crowd->slow); client != NULL; client = next) {
            next = TAILQ_NEXT(client, queue);
            link_read_some(&client->link, bytes);
        }
    }
}

void crowd_behaviour_tick(struct crowd *crowd, uint64_t now_ns)
{
    wheel_advance(&crowd->wheel, now_ns / CROWD_MS_NS, crowd_on_timer, crowd);
    crowd_read_slowly(crowd, now_ns);
}

void crowd_behaviour_on_message(struct crowd *crowd, const struct client *client)
{
    crowd->behaviour.slow_messages += client->kind == BEHAVIOUR_SLOW;
}
