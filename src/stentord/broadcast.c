#include "broadcast.h"

#include "io_thread.h"
#include "server.h"
#include "stentor/base/clock.h"
#include "stentor/base/obj.h"

int broadcast_init(struct broadcast *broadcast, struct server *server)
{
    broadcast->server = server;
    broadcast->config = config_ref(server->config);
    encoder_init(&broadcast->encoder, broadcast->config, &broadcast->stats);
    return stage_init(&broadcast->stage, "broadcast", broadcast);
}

void broadcast_destroy(struct broadcast *broadcast)
{
    encoder_destroy(&broadcast->encoder);
    stage_destroy(&broadcast->stage);
    config_unref(&broadcast->config);
}

void broadcast_set_config(struct broadcast *broadcast, struct config *config)
{
    struct config *old = broadcast->config;

    OWNER_ASSERT(&broadcast->stage.owner);
    broadcast->config = config_ref(config);
    broadcast->encoder.config = config;
    config_unref(&old);
}

/* Builds what connected clients use, so that the I/O threads find it ready. A client that comes
 * with another dialect in this very moment is served by message_encoding. */
static void broadcast_encode(struct broadcast *broadcast, struct message *message)
{
    for (unsigned i = 0; i < DIALECT_COUNT; i++) {
        if (server_dialect_users(broadcast->server, (enum dialect)i) > 0)
            (void)message_encoding(message, (enum dialect)i, &broadcast->encoder);
    }
    /* Each thread makes rooms for the names, if it has none yet. */
    message->cost = message_size(message) +
                    message->room_count * ROOM_COST * broadcast->server->io_thread_count;
}

/* Takes over the item's reference to the message. */
static void broadcast_message(struct broadcast *broadcast, struct publish_request *request,
                              unsigned index)
{
    struct server *server = broadcast->server;
    struct message *message = request->items[index].message;

    request->items[index].message = NULL;
    request->items[index].seq = message->seq = numbering_advance(&server->numbering, message->seq);
    message->time_ms = clock_ms();
    message->receipt = request;
    message->receipt_index = index;
    broadcast_encode(broadcast, message);
    stats_add(&broadcast->stats.published, 1);
    /* The reference that came with it becomes that of the last thread. */
    message_ref(message, server->io_thread_count - 1);
    for (unsigned i = 0; i < server->io_thread_count; i++) {
        message->mails[i].message = message;
        message->mails[i].mail.open = io_thread_open_message;
        stage_post(&server->io_threads[i].stage, &message->mails[i].mail);
    }
}

/* Can all messages have the numbers that their publisher wants? */
static bool broadcast_may_number(struct broadcast *broadcast, struct publish_request *request)
{
    uint64_t newest = numbering_newest(&broadcast->server->numbering);

    for (unsigned i = 0; i < request->count; i++) {
        uint64_t wanted = request->items[i].message->seq;

        if (wanted > 0 && wanted <= newest) {
            request->not_above = newest;
            return false;
        }
        newest = wanted > 0 ? wanted : newest + 1;
    }
    return true;
}

static void broadcast_open_request(struct mail *mail, void *self)
{
    struct broadcast *broadcast = self;
    struct publish_request *request = CONTAINER_OF(mail, struct publish_request, mail);
    size_t count = request->count;

    OWNER_ASSERT(&broadcast->stage.owner);
    OBJ_CHECK(request, PUBLISH_REQUEST_MAGIC);
    if (!broadcast_may_number(broadcast, request)) {
        publish_request_answer(request);
        return;
    }
    atomic_store_explicit(&request->outstanding,
                          (unsigned)count * broadcast->server->io_thread_count,
                          memory_order_relaxed);
    /* With the last message posted, the request may be gone. */
    for (unsigned i = 0; i < count; i++)
        broadcast_message(broadcast, request, i);
}

void broadcast_submit(struct broadcast *broadcast, struct publish_request *request)
{
    ENSURE(request->count > 0);
    request->in_flight = &broadcast->server->publish_in_flight;
    atomic_fetch_add_explicit(request->in_flight, request->bytes, memory_order_relaxed);
    request->mail.open = broadcast_open_request;
    stage_post(&broadcast->stage, &request->mail);
}
