#include "stentor/base/refbuf.h"

#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

struct refbuf *refbuf_new(size_t len)
{
    struct refbuf *buf = malloc(sizeof(*buf) + len);

    if (buf == NULL)
        return NULL;
    atomic_init(&buf->refs, 1);
    buf->len = len;
    return buf;
}

struct refbuf *refbuf_copy(const void *data, size_t len)
{
    struct refbuf *buf = refbuf_new(len);

    if (buf != NULL && len > 0)
        memcpy(buf->data, data, len);
    return buf;
}

struct refbuf *refbuf_ref(struct refbuf *buf)
{
    unsigned before = atomic_fetch_add_explicit(&buf->refs, 1, memory_order_relaxed);

    ENSURE(before > 0);
    return buf;
}

void refbuf_unref(struct refbuf **slot)
{
    struct refbuf *buf = *slot;

    if (buf == NULL)
        return;
    *slot = NULL;
    unsigned before = atomic_fetch_sub_explicit(&buf->refs, 1, memory_order_acq_rel);
    ENSURE(before > 0);
    if (before == 1)
        free(buf);
}
