#include "client.h"

#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

#include "answer.h"
#include "audience.h"
#include "crowd.h"
#include "crowd_behaviour.h"
#include "payload.h"

#define CLIENT_MAGIC 0x5c11e275u

static const struct transport_ops *client_ops(const struct client *client)
{
    return client->audience->transport->ops;
}

static struct client *client_of(struct link *link)
{
    struct client *client = CONTAINER_OF(link, struct client, link);

    OBJ_CHECK(client, CLIENT_MAGIC);
    return client;
}

unsigned client_number(const struct client *client)
{
    return (unsigned)(client - client->crowd->clients);
}

static void client_on_connected(struct link *link)
{
    struct client *client = client_of(link);

    if (client->state == CLIENT_CONNECTING)
        client->state = CLIENT_OPENING;
    client_ops(client)->connected(client);
}

static void client_on_received(struct link *link, uint8_t *data, size_t len)
{
    struct client *client = client_of(link);

    client_ops(client)->received(client, data, len);
}

static void client_on_ended(struct link *link, const char *cause)
{
    struct client *client = client_of(link);

    if (client_ops(client)->ended != NULL)
        client_ops(client)->ended(client, cause);
    else
        client_drop(client, cause);
}

static const struct link_ops client_link_ops = {
    .connected = client_on_connected,
    .received = client_on_received,
    .ended = client_on_ended,
};

static const char *client_connect(struct client *client)
{
    return link_open(&client->link, &client->crowd->links, client_number(client), &client_link_ops);
}

const char *client_reconnect(struct client *client)
{
    link_close(&client->link);
    return client_connect(client);
}

void client_adopt(struct client *client, struct link *link)
{
    link_close(&client->link);
    link_adopt(&client->link, link, &client_link_ops);
}

void client_start(struct client *client)
{
    const char *cause;

    OBJ_INIT(client, CLIENT_MAGIC);
    client->state = CLIENT_CONNECTING;
    client->upgraded = false;
    client->link.narrow = client->kind > BEHAVIOUR_CHURN;
    cause = client_connect(client);
    if (cause != NULL)
        client_drop(client, cause);
}

void client_end(struct client *client)
{
    enum client_state was = client->state;

    if (client->state == CLIENT_UNUSED || client->state == CLIENT_CLOSED)
        return;
    link_close(&client->link);
    answer_free(&client->answer);
    if (client_ops(client)->release != NULL)
        client_ops(client)->release(client);
    crowd_stop_beat(client->crowd, client);
    free(client->session);
    client->session = NULL;
    free(client->place);
    client->place = NULL;
    client->state = CLIENT_CLOSED;
    crowd_behaviour_on_closed(client->crowd, client, was);
}

void client_drop(struct client *client, const char *cause)
{
    enum client_state state = client->state;

    client_end(client);
    if (state < CLIENT_JOINED)
        crowd_on_failed(client->crowd, client, cause);
    else if (state == CLIENT_JOINED)
        crowd_on_lost(client->crowd, client, cause);
}

void client_close(struct client *client)
{
    if (client->state != CLIENT_JOINED) {
        client_end(client);
        return;
    }
    client->state = CLIENT_CLOSING;
    crowd_stop_beat(client->crowd, client);
    client_ops(client)->close(client);
}

void client_name(struct client *client, struct span session)
{
    if (client->crowd->directed->rate == 0 || client->session != NULL || session.len <= 2)
        return;
    client->session = strndup(session.ptr + 1, session.len - 2); /* without its quotes */
    ENSURE(client->session != NULL);
}

bool client_has_place(const struct client *client)
{
    return client->crowd->directed->grid != NULL && client->state == CLIENT_JOINED;
}

void client_place(struct client *client, struct span neighbours)
{
    directed_placed(client->crowd->directed, client, neighbours);
}

void client_deliver(struct client *client, struct span text)
{
    struct crowd *crowd = client->crowd;
    uint64_t n, t;

    if (client->state != CLIENT_JOINED || client->speaker)
        return;
    if (!client_measured(client))
        crowd_behaviour_on_message(crowd, client);
    else if (payload_scan(text.ptr, text.len, &n, &t))
        crowd_on_arrival(crowd, client, n, t);
    else
        directed_arrival(crowd->directed, client, text, crowd->links.now_ns);
}

void client_note_gap(struct client *client)
{
    client->audience->gaps++;
}
