#include "crowd.h"

#include <stdio.h>
#include <stdlib.h>

#include "stentor/base/clock.h"
#include "stentor/base/crypto.h"
#include "stentor/base/obj.h"

#include "answer.h"
#include "crowd_behaviour.h"
#include "dialect.h"
#include "proc.h"

#define CROWD_MAGIC 0x5c407d15u

enum {
    CROWD_RESERVED_FDS = 24, /* for the event base, the publisher, files and the standard streams */
    CROWD_EXTRA_FDS = 64,    /* at least, for second links */
    CROWD_MAX_FDS = 10000000,
    CROWD_BATCH = 32, /* connects at once, before sockets are served again */
};

uint64_t crowd_due(const struct crowd *crowd, unsigned i)
{
    double place = (double)i * crowd->role->count + crowd->role->index;

    return crowd->start_ns +
           (uint64_t)((double)crowd->options->ramp_ns * place / crowd->options->clients);
}

static void crowd_start_client(struct crowd *crowd)
{
    const struct mix *mix = &crowd->options->mix;
    struct client *client = &crowd->clients[crowd->started++];
    unsigned taken[MIX_MAX], share;

    for (unsigned i = 0; i < mix->count; i++)
        taken[i] = crowd->audiences[i].attempted;
    share = mix_next(mix, taken);
    crowd->audiences[share].attempted++;
    client->track.group = (uint8_t)share;
    client->crowd = crowd;
    client->audience = &crowd->audiences[share];
    crowd_behaviour_assign(crowd, client);
    timeline_add(&crowd->begun, crowd->links.now_ns);
    client_start(client);
}

/* Those who come back take turns with those who come for the first time. */
static void crowd_on_connect_due(void *arg)
{
    struct crowd *crowd;
    uint64_t now = clock_ns();
    bool more;

    OBJ_CAST(crowd, arg, CROWD_MAGIC);
    crowd->links.now_ns = now;
    more = crowd_behaviour_return(crowd, CROWD_BATCH);
    for (unsigned n = 0; n < CROWD_BATCH && crowd->started < crowd->count; n++) {
        uint64_t due = crowd_due(crowd, crowd->started);

        if (due > now)
            break;
        histogram_record(&crowd->connect_lag, now - due);
        crowd->links.now_ns = now;
        crowd_start_client(crowd);
        now = clock_ns();
    }
    if (more)
        alarm_set(&crowd->connect_alarm, 1);
    else if (crowd->started < crowd->count && !crowd->closing)
        alarm_set(&crowd->connect_alarm, crowd_due(crowd, crowd->started));
}

/* After each read of a link. */
static void crowd_after_read(void *arg)
{
    struct crowd *crowd;

    OBJ_CAST(crowd, arg, CROWD_MAGIC);
    if (crowd->links.now_ns >= crowd->due_ns || crowd->measure->unfinished < crowd->in_flight)
        crowd->on_due(crowd->arg, crowd->links.now_ns);
}

static bool crowd_has_extra_links(const struct crowd *crowd)
{
    const struct mix *mix = &crowd->options->mix;

    for (unsigned i = 0; i < mix->count; i++)
        if (mix->shares[i].transport->ops->extra_links)
            return true;
    return false;
}

/* Extra links have what the clients leave, but always some. */
static void crowd_init_links(struct crowd *crowd, struct event_base *base)
{
    struct links *links = &crowd->links;
    unsigned long descriptors = proc_raise_descriptors();
    unsigned room = 0, clients = crowd->count + 1;

    if (descriptors > CROWD_RESERVED_FDS)
        room = (unsigned)(descriptors < CROWD_MAX_FDS ? descriptors - CROWD_RESERVED_FDS
                                                      : CROWD_MAX_FDS);
    links->base = base;
    links->after_read = crowd_after_read;
    links->arg = crowd;
    TAILQ_INIT(&links->waiting);
    if (crowd_has_extra_links(crowd)) {
        links->max_extra = room < 2 * CROWD_EXTRA_FDS ? room / 2 : CROWD_EXTRA_FDS;
        if (room - links->max_extra > clients)
            links->max_extra = room - clients;
    }
    links->max_open = room - links->max_extra;
}

static void crowd_init(struct crowd *crowd, const struct options *options, const struct role *role)
{
    OBJ_INIT(crowd, CROWD_MAGIC);
    crowd->options = options;
    crowd->role = role;
    crowd->count = (options->clients - role->index + role->count - 1) / role->count;
    TAILQ_INIT(&crowd->beats);
    histogram_init(&crowd->connect_lag);
    ws_reader_init(&crowd->reader);
    crowd->reader_config.max_message = CROWD_MAX_MESSAGE;
    answer_init(&crowd->answer);
    crowd->due_ns = UINT64_MAX;
    crypto_random(&crowd->random, sizeof(crowd->random));
    crowd->random |= 1; /* must not be 0 */
    for (unsigned i = 0; i < options->mix.count; i++)
        audience_init(&crowd->audiences[i], options->mix.shares[i].transport, options);
    crowd_behaviour_init(crowd);
}

static bool crowd_init_tls(struct crowd *crowd, const char **error)
{
    struct tls_options tls = crowd->options->tls;

    if (!crowd->options->target.secure)
        return true;
    tls.host = crowd->options->target.host;
    crowd->links.tls = tls_client_new(&tls, error);
    return crowd->links.tls != NULL;
}

struct crowd *crowd_new(struct event_base *base, const struct options *options,
                        const struct role *role, struct measure *measure, struct directed *directed,
                        const char **error)
{
    struct crowd *crowd = calloc(1, sizeof(*crowd));

    *error = "out of memory";
    if (crowd == NULL)
        return NULL;
    crowd->measure = measure;
    crowd->directed = directed;
    crowd_init(crowd, options, role);
    crowd_init_links(crowd, base);
    crowd->clients = calloc(crowd->count + 1, sizeof(*crowd->clients));
    if (crowd->clients == NULL ||
        !alarm_open(&crowd->connect_alarm, base, crowd_on_connect_due, crowd) ||
        !net_resolve(&options->target, &crowd->links.target, error) ||
        !net_sources_init(&crowd->links.sources, options->bind, &crowd->links.target, crowd->count,
                          error) ||
        !crowd_init_tls(crowd, error))
        crowd_free(&crowd);
    return crowd;
}

void crowd_free(struct crowd **crowd)
{
    struct crowd *old = *crowd;

    if (old == NULL)
        return;
    OBJ_CHECK(old, CROWD_MAGIC);
    alarm_close(&old->connect_alarm);
    old->closing = true;
    for (unsigned i = 0; old->clients != NULL && i <= old->count; i++)
        client_end(&old->clients[i]);
    net_sources_free(&old->links.sources);
    tls_client_free(&old->links.tls);
    timeline_free(&old->begun);
    timeline_free(&old->connects);
    timeline_free(&old->pings);
    ws_reader_free(&old->reader);
    http_message_free(&old->answer);
    strbuf_free(&old->scratch);
    for (unsigned i = 0; i < old->options->mix.count; i++)
        audience_free(&old->audiences[i]);
    free(old->clients);
    OBJ_CLEAR(old);
    free(old);
    *crowd = NULL;
}

void crowd_warn(const struct crowd *crowd)
{
    unsigned long ports = net_sources_capacity(&crowd->links.sources);

    if (crowd->count > crowd->links.max_open)
        fprintf(stderr,
                "stentor-swarm: %u clients do not fit: the limit of open descriptors leaves room "
                "for %u.\nRaise it (ulimit -n, LimitNOFILE=), or use several processes.\n",
                crowd->count, crowd->links.max_open);
    if (crowd->count > ports)
        fprintf(stderr,
                "stentor-swarm: %u clients do not fit: the local addresses have %lu ports.\n"
                "Give more addresses (--bind), or widen net.ipv4.ip_local_port_range.\n",
                crowd->count, ports);
}

void crowd_start(struct crowd *crowd, uint64_t at_ns)
{
    crowd->start_ns = at_ns;
    timeline_init(&crowd->begun, at_ns);
    timeline_init(&crowd->connects, at_ns);
    timeline_init(&crowd->pings, at_ns);
    alarm_set(&crowd->connect_alarm, crowd_due(crowd, 0));
}

void crowd_start_speaker(struct crowd *crowd)
{
    struct client *speaker = &crowd->clients[crowd->count];

    speaker->speaker = true;
    speaker->crowd = crowd;
    speaker->audience = &crowd->audiences[0];
    client_start(speaker);
}

const char *crowd_speak(struct crowd *crowd, struct span data)
{
    struct client *speaker = &crowd->clients[crowd->count];

    if (speaker->state != CLIENT_JOINED)
        return "speaker_not_connected";
    return dialect_emit(speaker, crowd->options->emit, data);
}

void crowd_stop(struct crowd *crowd)
{
    alarm_cancel(&crowd->connect_alarm);
}

static void crowd_expire(struct crowd *crowd, uint64_t now_ns)
{
    for (; crowd->oldest < crowd->started; crowd->oldest++) {
        struct client *client = &crowd->clients[crowd->oldest];

        if (client_settled(client) || client->life > 0)
            continue;
        if (crowd_due(crowd, crowd->oldest) + crowd->options->connect_timeout_ns > now_ns)
            break;
        client_drop(client, "timeout");
    }
}

/* The speaker has as much time as others. */
static void crowd_expire_speaker(struct crowd *crowd, uint64_t now_ns)
{
    struct client *speaker = &crowd->clients[crowd->count];

    if (speaker->state != CLIENT_UNUSED && !client_settled(speaker) &&
        crowd->start_ns + crowd->options->connect_timeout_ns <= now_ns)
        client_drop(speaker, "timeout");
}

static void crowd_beat(struct crowd *crowd, uint64_t now_ns)
{
    struct client *client;

    while ((client = TAILQ_FIRST(&crowd->beats)) != NULL && client->beat_ns <= now_ns) {
        const char *cause = dialect_socketio_beat(client);

        crowd_stop_beat(crowd, client);
        if (cause != NULL)
            client_drop(client, cause);
        else
            crowd_start_beat(crowd, client, crowd->beat_interval_ns);
    }
}

void crowd_tick(struct crowd *crowd, uint64_t now_ns)
{
    crowd->links.now_ns = now_ns;
    link_open_waiting(&crowd->links);
    crowd_expire(crowd, now_ns);
    crowd_expire_speaker(crowd, now_ns);
    crowd_beat(crowd, now_ns);
    crowd_behaviour_tick(crowd, now_ns);
}

bool crowd_settled(const struct crowd *crowd)
{
    const struct client *speaker = &crowd->clients[crowd->count];

    return crowd->oldest == crowd->count &&
           (speaker->state == CLIENT_UNUSED || client_settled(speaker));
}

void crowd_close(struct crowd *crowd)
{
    crowd_stop(crowd);
    crowd->closing = true;
    for (unsigned i = 0; i <= crowd->count; i++) {
        struct client *client = &crowd->clients[i];

        if (client->state == CLIENT_JOINED && crowd_behaviour_is_abrupt(crowd)) {
            link_abort(&client->link);
            client_end(client);
        } else {
            client_close(client);
            if (client->kind > BEHAVIOUR_CHURN)
                client_end(client); /* it would not read the answer */
        }
    }
}

static void crowd_on_first_joined(struct crowd *crowd, struct client *client)
{
    struct audience *audience = client->audience;
    uint64_t now = crowd->links.now_ns, due = crowd_due(crowd, client_number(client));

    audience->connected++;
    crowd->connected++;
    crowd->settled_ns = now;
    histogram_record(&audience->connect_delay, now > due ? now - due : 0);
}

void crowd_on_joined(struct crowd *crowd, struct client *client)
{
    client->state = CLIENT_JOINED;
    if (client->speaker)
        return;
    if (client->life == 0)
        crowd_on_first_joined(crowd, client);
    timeline_add(&crowd->connects, crowd->links.now_ns);
    crowd->joined++;
    if (client_measured(client)) {
        crowd->measured++;
        measure_join(crowd->measure, &client->track);
        directed_joined(crowd->directed, client);
    }
    crowd_behaviour_on_joined(crowd, client);
}

void crowd_on_failed(struct crowd *crowd, struct client *client, const char *cause)
{
    if (client->speaker)
        return;
    if (client->life > 0) {
        crowd_behaviour_on_failed(crowd, client, cause);
        return;
    }
    crowd->settled_ns = crowd->links.now_ns;
    tally_add(&crowd->failures, cause);
    tally_add(&client->audience->failures, cause);
}

void crowd_on_lost(struct crowd *crowd, struct client *client, const char *cause)
{
    if (client->speaker)
        return;
    crowd->joined--;
    tally_add(&crowd->losses, cause);
    tally_add(&client->audience->losses, cause);
    if (client_measured(client)) {
        crowd->measured--;
        measure_leave(crowd->measure, &client->track);
        directed_departed(crowd->directed, client);
    }
}

/* The numbers of messages are known before they are sent, but in another process they may not be
 * known yet. */
void crowd_on_arrival(struct crowd *crowd, struct client *client, uint64_t n, uint64_t t)
{
    uint64_t now_ns;

    if (n >= crowd->measure->count)
        crowd->on_early(crowd->arg, n, t);
    now_ns = role_published(crowd->role, crowd->links.now_ns);
    if (measure_arrival(crowd->measure, &client->track, n, t, now_ns) && crowd->log != NULL)
        fprintf(crowd->log, "%u %llu %llu %llu\n", client_number(client), (unsigned long long)n,
                (unsigned long long)t, (unsigned long long)(now_ns > t ? now_ns - t : 0));
}

void crowd_on_ping(struct crowd *crowd, struct client *client)
{
    uint32_t ms = (uint32_t)((crowd->links.now_ns - crowd->start_ns) / 1000000u);

    if (crowd->closing || client->speaker)
        return;
    timeline_add(&crowd->pings, crowd->links.now_ns);
    if (crowd->ping_interval_ns == 0 && client->last_ping_ms != 0)
        crowd->ping_interval_ns = (uint64_t)(ms - client->last_ping_ms) * 1000000u;
    client->last_ping_ms = ms;
}

void crowd_start_beat(struct crowd *crowd, struct client *client, uint64_t interval_ns)
{
    if (interval_ns == 0)
        return;
    crowd->beat_interval_ns = interval_ns;
    client->beat_ns = crowd->links.now_ns + interval_ns;
    client->beating = true;
    TAILQ_INSERT_TAIL(&crowd->beats, client, beats);
}

void crowd_stop_beat(struct crowd *crowd, struct client *client)
{
    if (client->beating)
        TAILQ_REMOVE(&crowd->beats, client, beats);
    client->beating = false;
}

/* Masks keep proxies from being tricked (RFC 6455 section 10.3); nothing depends on theirs being
 * hard to guess in a simulation. */
uint64_t crowd_random(struct crowd *crowd)
{
    crowd->random ^= crowd->random << 13;
    crowd->random ^= crowd->random >> 7;
    crowd->random ^= crowd->random << 17;
    return crowd->random;
}

const char *crowd_http_cause(struct crowd *crowd, const struct http_message *answer)
{
    snprintf(crowd->cause, sizeof(crowd->cause), "http_%d", answer->parser.status_code);
    return crowd->cause;
}
