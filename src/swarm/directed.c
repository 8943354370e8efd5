#include "directed.h"

#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

#include "client.h"
#include "crowd.h"
#include "dialect.h"
#include "payload.h"
#include "place.h"
#include "transport.h"

enum { DIRECTED_BATCH = 256, DIRECTED_TRIES = 16 };

/* How long a message may be under way to a client that then leaves; and how much later than the
 * server the sender may learn that it has left. */
#define DIRECTED_UNDER_WAY_NS 60000000000u
#define DIRECTED_NEWS_NS 5000000000u

void directed_result_init(struct directed_result *result)
{
    memset(result, 0, sizeof(*result));
    histogram_init(&result->delay);
}

void directed_result_merge(struct directed_result *result, const struct directed_result *from)
{
    result->sent += from->sent;
    result->refused += from->refused;
    result->departed += from->departed;
    result->delivered += from->delivered;
    result->lost += from->lost;
    result->duplicated += from->duplicated;
    result->misdelivered += from->misdelivered;
    result->placed += from->placed;
    histogram_merge(&result->delay, &from->delay);
}

void directed_result_archive(struct archive *archive, struct directed_result *result)
{
    archive_u64(archive, &result->sent);
    archive_u64(archive, &result->refused);
    archive_u64(archive, &result->departed);
    archive_u64(archive, &result->delivered);
    archive_u64(archive, &result->lost);
    archive_u64(archive, &result->duplicated);
    archive_u64(archive, &result->misdelivered);
    archive_u64(archive, &result->placed);
    archive_histogram(archive, &result->delay);
}

void directed_init(struct directed *directed, struct crowd *crowd)
{
    const struct options *options = crowd->options;

    memset(directed, 0, sizeof(*directed));
    directed->crowd = crowd;
    directed->rate = options->directed;
    directed->grid = options->grid;
    directed_result_init(&directed->result);
    if (directed->rate > 0)
        peers_init(&directed->peers, options->clients, crowd->role);
}

void directed_free(struct directed *directed)
{
    if (directed->rate > 0)
        peers_free(&directed->peers);
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

/* --- Sending. */

static bool directed_takes_part(const struct client *client)
{
    return client->state == CLIENT_JOINED && client_measured(client) &&
           transport_can_send(client->audience->transport);
}

/* To whom, as the sender says it, and as this module remembers it. */
struct directed_target {
    const char *to;
    const char *name;
    enum place_way way;
    uint32_t party;
};

/* What client `number` of the run is called; NULL if it cannot be sent to now. */
static const char *directed_name(const struct directed *directed, uint32_t number)
{
    const struct crowd *crowd = directed->crowd;
    const struct client *client;

    if (number % crowd->role->count != crowd->role->index)
        return peers_name(&directed->peers, number);
    client = &crowd->clients[number / crowd->role->count];
    return directed_takes_part(client) ? client->session : NULL;
}

/* Any client but the sender, if it has been told its name; false when hardly anybody is there. */
static bool directed_choose_any(const struct directed *directed, uint32_t sender,
                                struct directed_target *target)
{
    struct crowd *crowd = directed->crowd;

    for (unsigned i = 0; i < DIRECTED_TRIES; i++) {
        uint32_t number = (uint32_t)(crowd_random(crowd) % crowd->options->clients);
        const char *name = number != sender ? directed_name(directed, number) : NULL;

        if (name == NULL)
            continue;
        *target = (struct directed_target){.to = name, .name = name, .party = number};
        return true;
    }
    return false;
}

static bool directed_choose_neighbour(const struct directed *directed, const struct client *client,
                                      uint32_t sender, struct directed_target *target)
{
    enum place_way way = PLACE_WAYS;

    if (client->place != NULL)
        way = place_choose(client->place, crowd_random(directed->crowd));
    if (way == PLACE_WAYS)
        return false;
    *target =
        (struct directed_target){place_way_names[way], client->place->names[way], way, sender};
    return true;
}

static uint32_t directed_remember(struct directed *directed, uint64_t due_ns, uint32_t party)
{
    if (directed->count == directed->cap) {
        directed->cap = directed->cap > 0 ? directed->cap * 2 : 1024;
        directed->messages =
            realloc(directed->messages, directed->cap * sizeof(*directed->messages));
        ENSURE(directed->messages != NULL);
    }
    directed->messages[directed->count] =
        (struct directed_message){.due_ns = due_ns, .party = party};
    directed->awaited++;
    directed->result.sent++;
    return directed->count++;
}

static struct span directed_span(const char *text)
{
    return (struct span){text != NULL ? text : "", text != NULL ? strlen(text) : 0};
}

static void directed_send(struct directed *directed, struct client *sender, uint64_t due_ns)
{
    uint32_t number = peers_number(&directed->peers, client_number(sender));
    struct directed_target target;
    struct payload_directed payload;
    struct strbuf data = STRBUF_INIT;
    const char *cause;
    bool found;

    if (!directed_takes_part(sender))
        return;
    found = directed->grid != NULL ? directed_choose_neighbour(directed, sender, number, &target)
                                   : directed_choose_any(directed, number, &target);
    if (!found)
        return;
    payload = (struct payload_directed){
        .agent = directed->crowd->role->index,
        .n = directed_remember(directed, due_ns, target.party),
        .t = role_published(directed->crowd->role, due_ns),
        .way = target.way,
        .to = directed_span(target.name),
        .from = directed_span(sender->session),
    };
    payload_append_directed(&data, &payload);
    ENSURE(!data.failed);
    cause = dialect_send(sender, target.to, directed->grid, (struct span){data.data, data.len},
                         (uint32_t)payload.n);
    strbuf_free(&data);
    if (cause != NULL)
        client_drop(sender, cause);
}

/* Processes take turns, too. */
static uint64_t directed_due(const struct directed *directed)
{
    const struct role *role = directed->crowd->role;
    double interval_ns = 1e9 / (directed->rate * directed->crowd->count);
    double turn = (double)directed->turns + (double)role->index / role->count;

    return directed->start_ns + (uint64_t)(turn * interval_ns);
}

/* Turns are due at fixed times, and a few at once are sent before sockets are served again. */
uint64_t directed_send_due(struct directed *directed, uint64_t now_ns)
{
    struct crowd *crowd = directed->crowd;

    for (unsigned i = 0; directed->start_ns != 0 && i < DIRECTED_BATCH; i++) {
        uint64_t due = directed_due(directed);

        if (due > now_ns)
            break;
        directed_send(directed, &crowd->clients[directed->turns++ % crowd->count], due);
    }
    return directed->start_ns != 0 ? directed_due(directed) : 0;
}

/* --- What becomes of them. */

static bool directed_is_settled(const struct directed_message *message)
{
    return message->arrived || message->refused || message->excused;
}

/* Nothing more is to come of it; to be called before it is marked. */
static void directed_settle(struct directed *directed, const struct directed_message *message)
{
    if (!directed_is_settled(message))
        directed->awaited--;
}

static void directed_arrived(struct directed *directed, uint32_t n, uint64_t delay_ns)
{
    struct directed_message *message = &directed->messages[n];

    if (message->arrived) {
        directed->result.duplicated++;
        return;
    }
    directed_settle(directed, message);
    message->arrived = true;
    directed->result.delivered++;
    histogram_record(&directed->result.delay, delay_ns);
}

/* Who moves in a grid, or has another neighbour from now on, gets what was on its way to the
 * neighbour of the other one. */
static bool directed_is_for(const struct directed *directed, const struct client *client,
                            const struct payload_directed *message, uint64_t now_ns)
{
    bool right =
        client->session == NULL || (strlen(client->session) == message->to.len &&
                                    memcmp(client->session, message->to.ptr, message->to.len) == 0);

    if (directed->grid == NULL)
        return right;
    if (client->place == NULL || message->way >= PLACE_WAYS)
        return false;
    right = right &&
            (message->from.len == 0 ||
             place_has(client->place, place_opposite((enum place_way)message->way), message->from));
    return right || place_changed_lately(client->place, now_ns);
}

bool directed_arrival(struct directed *directed, const struct client *client, struct span text,
                      uint64_t now_ns)
{
    const struct role *role = directed->crowd->role;
    uint64_t published = role_published(role, now_ns), delay_ns;
    struct payload_directed message;

    if (directed->rate == 0 || !payload_scan_directed(text.ptr, text.len, &message))
        return false;
    delay_ns = published > message.t ? published - message.t : 0;
    if (message.agent >= role->count || !directed_is_for(directed, client, &message, now_ns))
        directed->result.misdelivered++;
    else if (message.agent != role->index)
        peers_tell_arrival(&directed->peers, (unsigned)message.agent, (uint32_t)message.n,
                           delay_ns);
    else if (message.n < directed->count &&
             role_published(role, directed->messages[message.n].due_ns) == message.t)
        directed_arrived(directed, (uint32_t)message.n, delay_ns);
    else
        directed->result.misdelivered++; /* of another run */
    return true;
}

void directed_refused(struct directed *directed, const struct client *client, uint64_t n)
{
    struct directed_message *message;

    if (n >= directed->count || directed->messages[n].refused)
        return;
    message = &directed->messages[n];
    directed_settle(directed, message);
    message->refused = true;
    if (directed->grid != NULL && client->place != NULL &&
        place_changed_lately(client->place, directed->crowd->links.now_ns))
        message->excused = true; /* whom it was for is there no more */
}

/* What is older has arrived or will not; and what was refused has not been for that reason. */
static void directed_excuse(struct directed *directed, uint32_t party)
{
    uint64_t now_ns = directed->crowd->links.now_ns;

    for (; directed->settled < directed->count; directed->settled++) {
        const struct directed_message *message = &directed->messages[directed->settled];
        uint64_t keep_ns = message->refused ? DIRECTED_NEWS_NS : DIRECTED_UNDER_WAY_NS;

        if (!message->arrived && !message->excused && message->due_ns + keep_ns > now_ns)
            break;
    }
    for (uint32_t n = directed->settled; n < directed->count; n++) {
        struct directed_message *message = &directed->messages[n];

        if (message->party != party || message->arrived)
            continue;
        directed_settle(directed, message);
        message->excused = true;
    }
}

void directed_joined(struct directed *directed, const struct client *client)
{
    if (directed->rate > 0 && directed->grid == NULL && client->session != NULL &&
        directed_takes_part(client))
        peers_tell_name(&directed->peers, client_number(client), client->session);
}

void directed_departed(struct directed *directed, const struct client *client)
{
    if (directed->rate == 0)
        return;
    if (directed->grid == NULL)
        peers_tell_name(&directed->peers, client_number(client), NULL);
    directed_excuse(directed, peers_number(&directed->peers, client_number(client)));
}

void directed_placed(struct directed *directed, struct client *client, struct span neighbours)
{
    bool first = client->place == NULL;

    if (directed->grid == NULL ||
        !place_take(&client->place, neighbours, directed->crowd->links.now_ns))
        return;
    directed->result.placed += first && client->life == 0;
    directed_excuse(directed, peers_number(&directed->peers, client_number(client)));
}

/* --- What other processes say. */

static void directed_on_departed(void *arg, uint32_t client)
{
    directed_excuse(arg, client);
}

static void directed_on_arrived(void *arg, uint32_t n, uint64_t delay_ns)
{
    struct directed *directed = arg;

    if (n < directed->count)
        directed_arrived(directed, n, delay_ns);
    else
        directed->result.misdelivered++;
}

bool directed_take_note(struct directed *directed, struct span note)
{
    struct peers_reader reader = {directed_on_departed, directed_on_arrived, directed};

    return directed->rate > 0 && peers_take(&directed->peers, note, &reader);
}

void directed_finish(struct directed *directed)
{
    struct directed_result *result = &directed->result;

    for (uint32_t n = 0; n < directed->count; n++) {
        const struct directed_message *message = &directed->messages[n];

        if (message->arrived)
            continue;
        if (message->excused)
            result->departed++;
        else if (message->refused)
            result->refused++;
        else
            result->lost++;
    }
}
