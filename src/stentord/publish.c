#include "publish.h"

#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "stage.h"
#include "stentor/base/obj.h"

struct publish_request *publish_request_new(struct stage *origin, size_t capacity)
{
    struct publish_request *request =
        calloc(1, sizeof(*request) + capacity * sizeof(request->items[0]));

    if (request == NULL)
        return NULL;
    OBJ_INIT(request, PUBLISH_REQUEST_MAGIC);
    request->origin = origin;
    request->capacity = capacity;
    return request;
}

void publish_request_add(struct publish_request *request, struct message *message)
{
    OBJ_CHECK(request, PUBLISH_REQUEST_MAGIC);
    ENSURE(request->count < request->capacity);
    request->items[request->count++].message = message;
    request->bytes += message->allocated;
}

void publish_request_describe(struct publish_request *request, const struct config *config)
{
    const struct message *first = request->items[0].message;
    struct span room = first->room_count > 0 ? first->rooms[0] : (struct span){"*", 1};

    snprintf(request->what, sizeof(request->what), "%.20s %.*s%s %.*s",
             config->namespaces[first->namespace], (int)(room.len < 40 ? room.len : 40), room.ptr,
             first->room_count > 1 ? ",..." : "",
             (int)(first->event.len < 30 ? first->event.len : 30), first->event.ptr);
}

void publish_request_free(struct publish_request **slot)
{
    struct publish_request *request = *slot;

    if (request == NULL)
        return;
    OBJ_CHECK(request, PUBLISH_REQUEST_MAGIC);
    *slot = NULL;
    for (size_t i = 0; i < request->count; i++)
        message_unref(&request->items[i].message);
    if (request->in_flight != NULL)
        atomic_fetch_sub_explicit(request->in_flight, request->bytes, memory_order_relaxed);
    OBJ_CLEAR(request);
    free(request);
}

static void publish_open_answer(struct mail *mail, void *self)
{
    struct publish_request *request = CONTAINER_OF(mail, struct publish_request, mail);

    (void)self;
    OBJ_CHECK(request, PUBLISH_REQUEST_MAGIC);
    if (request->done != NULL && request->context != NULL)
        request->done(request, request->context);
    publish_request_free(&request);
}

void publish_request_answer(struct publish_request *request)
{
    request->mail.open = publish_open_answer;
    stage_post(request->origin, &request->mail);
}

void publish_request_accepted(struct publish_request *request, unsigned index, unsigned clients)
{
    atomic_fetch_add_explicit(&request->items[index].clients, clients, memory_order_relaxed);
    if (atomic_fetch_sub_explicit(&request->outstanding, 1, memory_order_acq_rel) == 1)
        publish_request_answer(request);
}
