#include "crowd.h"

#include <stdlib.h>
#include <string.h>

#include "stentor/base/clock.h"
#include "stentor/base/crypto.h"
#include "stentor/base/obj.h"

#include "dialect.h"
#include "proc.h"

#define CROWD_MAGIC 0x5c407d15u

enum {
    CROWD_RESERVED_FDS = 24, /* for the event base, the publisher, files and the standard streams */
    CROWD_BATCH = 32,        /* connects at once, before sockets are served again */
};

uint64_t crowd_due(const struct crowd *crowd, unsigned i)
{
    return crowd->start_ns +
           (uint64_t)((double)crowd->options->ramp_ns * i / crowd->options->clients);
}

static void crowd_on_connect_due(void *arg)
{
    struct crowd *crowd;
    uint64_t now = clock_ns();

    OBJ_CAST(crowd, arg, CROWD_MAGIC);
    for (unsigned n = 0; n < CROWD_BATCH && crowd->started < crowd->options->clients; n++) {
        uint64_t due = crowd_due(crowd, crowd->started);

        if (due > now)
            break;
        histogram_record(&crowd->connect_lag, now - due);
        crowd->now_ns = now;
        client_start(&crowd->clients[crowd->started++], crowd);
        now = clock_ns();
    }
    if (crowd->started < crowd->options->clients)
        alarm_set(&crowd->connect_alarm, crowd_due(crowd, crowd->started));
}

static void crowd_build_request(struct crowd *crowd)
{
    struct strbuf *out = &crowd->request_head;
    const char *subprotocol = dialect_subprotocol(crowd->options->protocol);

    strbuf_append_str(out, "GET ");
    dialect_append_target(out, crowd->options);
    strbuf_printf(out, " HTTP/1.1\r\nHost: %s\r\n", crowd->options->target.authority);
    strbuf_append_str(out, "User-Agent: stentor-swarm/" STENTOR_VERSION "\r\n"
                           "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                           "Sec-WebSocket-Version: 13\r\n");
    if (subprotocol != NULL)
        strbuf_printf(out, "Sec-WebSocket-Protocol: %s\r\n", subprotocol);
    strbuf_append_str(out, "Sec-WebSocket-Key: ");
}

static void crowd_init(struct crowd *crowd)
{
    OBJ_INIT(crowd, CROWD_MAGIC);
    histogram_init(&crowd->connect_delay);
    histogram_init(&crowd->connect_lag);
    ws_reader_init(&crowd->reader);
    crowd->reader_config.max_message = CROWD_MAX_MESSAGE;
    crowd->due_ns = UINT64_MAX;
    crypto_random(&crowd->random, sizeof(crowd->random));
    crowd->random |= 1; /* must not be 0 */
}

struct crowd *crowd_new(struct event_base *base, const struct options *options,
                        struct measure *measure, const char **error)
{
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    unsigned long descriptors = proc_raise_descriptors();

    *error = "out of memory";
    if (crowd == NULL)
        return NULL;
    crowd->options = options;
    crowd->base = base;
    crowd->measure = measure;
    crowd_init(crowd);
    crowd->max_open = descriptors > CROWD_RESERVED_FDS + 10000000ul
                          ? 10000000u
                          : (unsigned)(descriptors - CROWD_RESERVED_FDS);
    crowd->clients = calloc(options->clients, sizeof(*crowd->clients));
    if (crowd->clients == NULL ||
        !alarm_open(&crowd->connect_alarm, base, crowd_on_connect_due, crowd) ||
        !net_resolve(&options->target, &crowd->target, error) ||
        !net_sources_init(&crowd->sources, options->bind, &crowd->target, options->clients,
                          error)) {
        crowd_free(&crowd);
        return NULL;
    }
    crowd_build_request(crowd);
    return crowd;
}

void crowd_free(struct crowd **crowd)
{
    struct crowd *old = *crowd;

    if (old == NULL)
        return;
    OBJ_CHECK(old, CROWD_MAGIC);
    alarm_close(&old->connect_alarm);
    for (unsigned i = 0; i < old->started; i++)
        client_end(&old->clients[i]);
    net_sources_free(&old->sources);
    timeline_free(&old->connects);
    timeline_free(&old->pings);
    ws_reader_free(&old->reader);
    strbuf_free(&old->scratch);
    strbuf_free(&old->request_head);
    free(old->clients);
    OBJ_CLEAR(old);
    free(old);
    *crowd = NULL;
}

void crowd_start(struct crowd *crowd)
{
    crowd->start_ns = clock_ns();
    timeline_init(&crowd->connects, crowd->start_ns);
    timeline_init(&crowd->pings, crowd->start_ns);
    alarm_set(&crowd->connect_alarm, crowd->start_ns);
}

void crowd_stop(struct crowd *crowd)
{
    alarm_cancel(&crowd->connect_alarm);
}

void crowd_expire(struct crowd *crowd, uint64_t now_ns)
{
    for (; crowd->oldest < crowd->started; crowd->oldest++) {
        struct client *client = &crowd->clients[crowd->oldest];

        if (client_settled(client))
            continue;
        if (crowd_due(crowd, crowd->oldest) + crowd->options->connect_timeout_ns > now_ns)
            break;
        crowd->now_ns = now_ns;
        client_drop(client, "timeout");
    }
}

bool crowd_settled(const struct crowd *crowd)
{
    return crowd->oldest == crowd->options->clients;
}

void crowd_close(struct crowd *crowd)
{
    crowd_stop(crowd);
    crowd->closing = true;
    for (unsigned i = 0; i < crowd->started; i++)
        client_close(&crowd->clients[i]);
}

void crowd_on_joined(struct crowd *crowd, struct client *client)
{
    uint64_t due = crowd_due(crowd, (unsigned)(client - crowd->clients));

    client->state = CLIENT_JOINED;
    crowd->connected++;
    crowd->joined++;
    crowd->settled_ns = crowd->now_ns;
    histogram_record(&crowd->connect_delay, crowd->now_ns - due);
    timeline_add(&crowd->connects, crowd->now_ns);
    measure_join(crowd->measure, &client->track);
}

void crowd_on_failed(struct crowd *crowd, const char *cause)
{
    crowd->settled_ns = crowd->now_ns;
    tally_add(&crowd->failures, cause);
}

void crowd_on_lost(struct crowd *crowd, struct client *client, const char *cause)
{
    crowd->joined--;
    tally_add(&crowd->losses, cause);
    measure_leave(crowd->measure, &client->track);
}

void crowd_on_ping(struct crowd *crowd, struct client *client)
{
    uint32_t ms = (uint32_t)((crowd->now_ns - crowd->start_ns) / 1000000u);

    if (crowd->closing)
        return;
    timeline_add(&crowd->pings, crowd->now_ns);
    if (crowd->ping_interval_ns == 0 && client->last_ping_ms != 0)
        crowd->ping_interval_ns = (uint64_t)(ms - client->last_ping_ms) * 1000000u;
    client->last_ping_ms = ms;
}
