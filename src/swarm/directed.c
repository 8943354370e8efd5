#include "directed.h"

#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

#include "client.h"
#include "crowd.h"
#include "dialect.h"
#include "payload.h"
#include "transport.h"

enum { DIRECTED_BATCH = 256, DIRECTED_TRIES = 16 };

void directed_result_init(struct directed_result *result)
{
    memset(result, 0, sizeof(*result));
    histogram_init(&result->delay);
}

void directed_result_merge(struct directed_result *result, const struct directed_result *from)
{
    result->sent += from->sent;
    result->refused += from->refused;
    result->delivered += from->delivered;
    result->lost += from->lost;
    result->duplicated += from->duplicated;
    result->misdelivered += from->misdelivered;
    histogram_merge(&result->delay, &from->delay);
}

void directed_result_archive(struct archive *archive, struct directed_result *result)
{
    archive_u64(archive, &result->sent);
    archive_u64(archive, &result->refused);
    archive_u64(archive, &result->delivered);
    archive_u64(archive, &result->lost);
    archive_u64(archive, &result->duplicated);
    archive_u64(archive, &result->misdelivered);
    archive_histogram(archive, &result->delay);
}

void directed_init(struct directed *directed, struct crowd *crowd, double rate, unsigned agent)
{
    memset(directed, 0, sizeof(*directed));
    directed->crowd = crowd;
    directed->rate = rate;
    directed->agent = agent;
    directed_result_init(&directed->result);
}

void directed_free(struct directed *directed)
{
    free(directed->messages);
    directed->messages = NULL;
}

void directed_start(struct directed *directed, uint64_t now_ns)
{
    if (directed->rate == 0)
        return;
    directed->start_ns = now_ns;
    directed->turns = 0;
}

void directed_stop(struct directed *directed)
{
    directed->start_ns = 0;
}

static bool directed_takes_part(const struct client *client)
{
    return client->state == CLIENT_JOINED && client_measured(client) &&
           transport_can_send(client->audience->transport);
}

/* Any client but the sender, if it has been told its name; NULL when hardly anybody is there. */
static struct client *directed_choose(const struct directed *directed, const struct client *sender)
{
    struct crowd *crowd = directed->crowd;

    for (unsigned i = 0; i < DIRECTED_TRIES; i++) {
        struct client *client = &crowd->clients[crowd_random(crowd) % crowd->count];

        if (client != sender && client->session != NULL && directed_takes_part(client))
            return client;
    }
    return NULL;
}

static uint32_t directed_remember(struct directed *directed, uint64_t due_ns, uint32_t to)
{
    if (directed->count == directed->cap) {
        directed->cap = directed->cap > 0 ? directed->cap * 2 : 1024;
        directed->messages =
            realloc(directed->messages, directed->cap * sizeof(*directed->messages));
        ENSURE(directed->messages != NULL);
    }
    directed->messages[directed->count] = (struct directed_message){.due_ns = due_ns, .to = to};
    directed->awaited++;
    directed->result.sent++;
    return directed->count++;
}

static void directed_send(struct directed *directed, struct client *sender, uint64_t due_ns)
{
    struct client *to = directed_takes_part(sender) ? directed_choose(directed, sender) : NULL;
    struct strbuf data = STRBUF_INIT;
    const char *cause;
    uint32_t n;

    if (to == NULL)
        return;
    n = directed_remember(directed, due_ns, client_number(to));
    payload_append_directed(&data, directed->agent, n, due_ns);
    ENSURE(!data.failed);
    cause = dialect_send(sender, to->session, (struct span){data.data, data.len}, n);
    strbuf_free(&data);
    if (cause != NULL)
        client_drop(sender, cause);
}

/* Turns are due at fixed times, and a few at once are sent before sockets are served again. */
void directed_tick(struct directed *directed, uint64_t now_ns)
{
    struct crowd *crowd = directed->crowd;
    double interval_ns = 1e9 / (directed->rate * crowd->count);

    for (unsigned i = 0; directed->start_ns != 0 && i < DIRECTED_BATCH; i++) {
        uint64_t due = directed->start_ns + (uint64_t)((double)directed->turns * interval_ns);

        if (due > now_ns)
            break;
        directed_send(directed, &crowd->clients[directed->turns++ % crowd->count], due);
    }
}

/* Nothing more is to come of it. */
static void directed_settle(struct directed *directed, const struct directed_message *message)
{
    if (!message->arrived && !message->refused && !message->excused)
        directed->awaited--;
}

bool directed_arrival(struct directed *directed, const struct client *client, struct span text,
                      uint64_t now_ns)
{
    struct directed_message *message;
    uint64_t agent, n, t;

    if (directed->count == 0 || !payload_scan_directed(text.ptr, text.len, &agent, &n, &t))
        return false;
    if (agent != directed->agent || n >= directed->count || directed->messages[n].due_ns != t ||
        directed->messages[n].to != client_number(client)) {
        directed->result.misdelivered++;
        return true;
    }
    message = &directed->messages[n];
    directed_settle(directed, message);
    if (message->arrived) {
        directed->result.duplicated++;
        return true;
    }
    message->arrived = true;
    directed->result.delivered++;
    histogram_record(&directed->result.delay, now_ns > t ? now_ns - t : 0);
    return true;
}

void directed_refused(struct directed *directed, uint64_t n)
{
    if (n >= directed->count || directed->messages[n].refused)
        return;
    directed_settle(directed, &directed->messages[n]);
    directed->messages[n].refused = true;
    directed->result.refused++;
}

/* What is older than the last minute has arrived or will not. */
void directed_departed(struct directed *directed, const struct client *client)
{
    uint32_t to = client_number(client);

    for (uint32_t n = directed->count; directed->awaited > 0 && n-- > 0;) {
        struct directed_message *message = &directed->messages[n];

        if (message->due_ns + 60000000000u < directed->crowd->links.now_ns)
            break;
        if (message->to != to)
            continue;
        directed_settle(directed, message);
        message->excused = !message->arrived;
    }
}

void directed_finish(struct directed *directed)
{
    for (uint32_t n = 0; n < directed->count; n++) {
        const struct directed_message *message = &directed->messages[n];

        directed->result.lost += !message->arrived && !message->refused && !message->excused;
    }
}
