#include "answer.h"

#include <stdlib.h>

#include "stentor/base/obj.h"

static const struct http_limits answer_limits = {.head = 16384, .body = 64 << 20};

void answer_init(struct http_message *shared)
{
    http_message_init(shared, HTTP_KIND_RESPONSE, &answer_limits);
}

void answer_own(struct http_message **own)
{
    *own = malloc(sizeof(**own));
    ENSURE(*own != NULL);
    answer_init(*own);
}

void answer_free(struct http_message **own)
{
    if (*own != NULL)
        http_message_free(*own);
    free(*own);
    *own = NULL;
}

static enum http_result answer_read(struct http_message *answer, bool head_only, const char *data,
                                    size_t len, size_t *used)
{
    enum http_result result;
    size_t n;

    *used = 0;
    do {
        result = http_message_feed(answer, data + *used, len - *used, &n);
        *used += n;
    } while (result == HTTP_HEAD_DONE && !head_only);
    return result;
}

enum http_result answer_feed(struct http_message *shared, struct http_message **own, bool head_only,
                             const void *data, size_t len, size_t *used,
                             struct http_message **answer)
{
    enum http_result result;

    if (*own == NULL) {
        *answer = shared;
        http_message_reuse(shared, HTTP_KIND_RESPONSE, &answer_limits);
        result = answer_read(shared, head_only, data, len, used);
        if (result != HTTP_MORE)
            return result;
        answer_own(own);
    }
    *answer = *own;
    return answer_read(*own, head_only, data, len, used);
}
