#include "directed.h"

#include <stdlib.h>
#include <string.h>

#include "io_thread.h"
#include "server.h"
#include "stentor/base/obj.h"

enum {
    DIRECTED_MAX_HOPS = 8,            /* after a client that moves on and on */
    DIRECTED_MIN_IN_FLIGHT = 1 << 20, /* bytes that may be on their way with any journal */
};

const char *directed_error(enum directed_result result)
{
    switch (result) {
    case DIRECTED_QUEUED:
        return NULL;
    case DIRECTED_UNKNOWN:
        return "no session has that id";
    case DIRECTED_LEFT:
        return "nobody is there any more";
    case DIRECTED_FULL:
        return "too much waits for that session already";
    case DIRECTED_NO_MEMORY:
        return "the server has no memory; try again later";
    }
    return NULL;
}

struct directed *directed_new(struct io_thread *origin, struct message *message,
                              const uint8_t to[SESSION_ID_BYTES], const uint8_t *from,
                              struct span tag)
{
    struct directed *directed = calloc(1, sizeof(*directed) + tag.len);

    if (directed == NULL) {
        message_unref(&message);
        return NULL;
    }
    OBJ_INIT(directed, DIRECTED_MAGIC);
    directed->origin = origin;
    directed->message = message;
    directed->bytes = sizeof(*directed) + tag.len + message_size(message);
    memcpy(directed->to, to, SESSION_ID_BYTES);
    memcpy(directed->at, to, SESSION_ID_BYTES);
    directed->has_from = from != NULL;
    if (from != NULL)
        memcpy(directed->from, from, SESSION_ID_BYTES);
    directed->tag = (struct span){(char *)(directed + 1), tag.len};
    if (tag.len > 0)
        memcpy(directed + 1, tag.ptr, tag.len);
    return directed;
}

bool directed_overloaded(struct io_thread *origin)
{
    size_t limit = (size_t)origin->config->journal_bytes;

    if (limit < DIRECTED_MIN_IN_FLIGHT)
        limit = DIRECTED_MIN_IN_FLIGHT;
    return atomic_load_explicit(&origin->server->directed_in_flight, memory_order_relaxed) > limit;
}

void directed_free(struct directed *directed)
{
    message_unref(&directed->message);
    OBJ_CLEAR(directed);
    free(directed);
}

static void directed_open_answer(struct mail *mail, void *self)
{
    struct directed *directed = CONTAINER_OF(mail, struct directed, mail);

    (void)self;
    OBJ_CHECK(directed, DIRECTED_MAGIC);
    OWNER_ASSERT(&directed->origin->stage.owner);
    directed->done(directed);
    directed_free(directed);
}

void directed_finish(struct directed *directed, struct io_thread *thread,
                     enum directed_result result)
{
    OBJ_CHECK(directed, DIRECTED_MAGIC);
    OWNER_ASSERT(&thread->stage.owner);
    atomic_fetch_sub_explicit(&thread->server->directed_in_flight, directed->bytes,
                              memory_order_relaxed);
    stats_add(result == DIRECTED_QUEUED ? &thread->stats.directed : &thread->stats.directed_failed,
              1);
    directed->result = result;
    if (directed->done == NULL) {
        directed_free(directed);
    } else if (directed->origin == thread) {
        directed_open_answer(&directed->mail, thread);
    } else {
        directed->mail.open = directed_open_answer;
        stage_post(&directed->origin->stage, &directed->mail);
    }
}

void directed_give(struct directed *directed, struct io_thread *thread, struct session *session)
{
    directed_finish(directed, thread, session->ops->directed(session, directed));
}

static void directed_open(struct mail *mail, void *self)
{
    struct directed *directed = CONTAINER_OF(mail, struct directed, mail);
    struct io_thread *thread = self;
    struct session *session;

    OBJ_CHECK(directed, DIRECTED_MAGIC);
    OWNER_ASSERT(&thread->stage.owner);
    session = session_addressed(&thread->delivery, directed->message->namespace, directed->at,
                                directed->to, directed->tagged ? SEAT_TAG_AT : 0);
    if (session != NULL)
        directed_give(directed, thread, session);
    else if (directed->tagged)
        directed_finish(directed, thread, DIRECTED_LEFT);
    else if (thread->stopping || directed->hops >= DIRECTED_MAX_HOPS)
        directed_finish(directed, thread, DIRECTED_UNKNOWN);
    else
        recovery_redirect(thread, directed);
}

void directed_forward(struct directed *directed, struct io_thread *thread,
                      const uint8_t at[SESSION_ID_BYTES])
{
    memcpy(directed->at, at, SESSION_ID_BYTES);
    directed->hops++;
    directed->mail.open = directed_open;
    stage_post(&thread->stage, &directed->mail);
}

void directed_post(struct directed *directed)
{
    struct server *server = directed->origin->server;

    atomic_fetch_add_explicit(&server->directed_in_flight, directed->bytes, memory_order_relaxed);
    directed->mail.open = directed_open;
    stage_post(&io_thread_of_id(server, directed->to)->stage, &directed->mail);
}
