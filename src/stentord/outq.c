#include "outq.h"

#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

enum { OUTQ_FIRST_CAPACITY = 4 };

static bool outq_reserve(struct outq *queue)
{
    unsigned capacity = queue->capacity > 0 ? queue->capacity * 2 : OUTQ_FIRST_CAPACITY;
    struct refbuf **items;

    if (queue->end < queue->capacity)
        return true;
    if (queue->begin > queue->capacity / 2) {
        memmove(queue->items, queue->items + queue->begin,
                (queue->end - queue->begin) * sizeof(*items));
        queue->end -= queue->begin;
        queue->begin = 0;
        return true;
    }
    items = realloc(queue->items, capacity * sizeof(*items));
    if (items == NULL)
        return false;
    queue->items = items;
    queue->capacity = capacity;
    return true;
}

bool outq_append(struct outq **slot, struct refbuf *buf, size_t offset)
{
    bool fresh = *slot == NULL;

    ENSURE(offset < buf->len && (fresh || offset == 0));
    if (fresh)
        *slot = calloc(1, sizeof(**slot));
    if (*slot == NULL)
        return false;
    if (!outq_reserve(*slot)) {
        if (fresh)
            outq_free(slot);
        return false;
    }
    struct outq *queue = *slot;
    queue->items[queue->end++] = refbuf_ref(buf);
    queue->bytes += buf->len - offset;
    if (fresh)
        queue->offset = offset;
    return true;
}

int outq_peek(const struct outq *queue, struct iovec *iov, int max)
{
    size_t offset = queue->offset;
    int n = 0;

    for (unsigned i = queue->begin; i < queue->end && n < max; i++) {
        struct refbuf *buf = queue->items[i];

        iov[n++] = (struct iovec){buf->data + offset, buf->len - offset};
        offset = 0;
    }
    return n;
}

void outq_consume(struct outq **slot, size_t n)
{
    struct outq *queue = *slot;

    queue->bytes -= n;
    while (queue->begin < queue->end) {
        size_t left = queue->items[queue->begin]->len - queue->offset;

        if (n < left) {
            queue->offset += n;
            return;
        }
        n -= left;
        queue->offset = 0;
        refbuf_unref(&queue->items[queue->begin++]);
    }
    outq_free(slot);
}

void outq_free(struct outq **slot)
{
    struct outq *queue = *slot;

    if (queue == NULL)
        return;
    *slot = NULL;
    for (unsigned i = queue->begin; i < queue->end; i++)
        refbuf_unref(&queue->items[i]);
    free(queue->items);
    free(queue);
}
