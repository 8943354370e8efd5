#include "requests.h"

#include <stdlib.h>

#include "stentor/base/clock.h"
#include "stentor/base/obj.h"

#define REQUESTS_MAGIC 0x4e49e575u

static const struct http_limits requests_limits = {.head = 65536, .body = 16 << 20};

static struct requests *requests_of(struct link *link)
{
    struct requests *requests = CONTAINER_OF(link, struct requests, link);

    OBJ_CHECK(requests, REQUESTS_MAGIC);
    return requests;
}

/* The oldest request is done. */
static void requests_done(struct requests *requests, const struct http_message *answer,
                          const char *cause, bool carried_out)
{
    struct requests_pending *pending = &requests->pending[requests->first];
    struct requests_outcome outcome = {.n = pending->n,
                                       .sent_ns = pending->sent_ns,
                                       .answer = answer,
                                       .cause = cause,
                                       .carried_out = carried_out};

    requests->first = (requests->first + 1) & (requests->capacity - 1);
    requests->waiting--;
    requests->on_outcome(requests->arg, &outcome);
}

/* The connection is gone, and with it the requests without an answer. */
static void requests_fail(struct requests *requests, const char *cause, bool carried_out)
{
    if (requests->reading)
        http_message_free(&requests->answer);
    requests->reading = false;
    strbuf_clear(&requests->out);
    for (unsigned n = requests->waiting; n > 0; n--)
        requests_done(requests, NULL, cause, carried_out);
}

static void requests_close(struct requests *requests, const char *cause)
{
    bool sent = requests->out.len == 0;

    link_close(&requests->link);
    requests_fail(requests, cause, sent);
}

/* A whole answer has come. */
static void requests_take_answer(struct requests *requests)
{
    bool keep_alive = http_keep_alive(&requests->answer);

    requests->reading = false;
    if (requests->waiting > 0)
        requests_done(requests, &requests->answer, NULL, true);
    http_message_free(&requests->answer);
    if (!keep_alive)
        requests_close(requests, link_ended);
}

static void requests_on_received(struct link *link, uint8_t *data, size_t len)
{
    struct requests *requests = requests_of(link);
    const char *rest = (const char *)data;

    while (link->state == LINK_OPEN && (len > 0 || requests->reading)) {
        enum http_result result;
        size_t used;

        if (!requests->reading)
            http_message_init(&requests->answer, HTTP_KIND_RESPONSE, &requests_limits);
        requests->reading = true;
        result = http_message_feed(&requests->answer, rest, len, &used);
        rest += used;
        len -= used;
        if (result == HTTP_DONE)
            requests_take_answer(requests);
        else if (result == HTTP_FAILED)
            requests_close(requests, "bad_answer");
        else if (result == HTTP_MORE)
            return;
    }
}

/* The end of the connection can be the end of an answer. */
static void requests_on_ended(struct link *link, const char *cause)
{
    struct requests *requests = requests_of(link);
    bool sent = requests->out.len == 0;

    if (requests->reading && http_message_finish(&requests->answer))
        requests_take_answer(requests);
    requests_fail(requests, cause, sent);
}

static void requests_on_connected(struct link *link)
{
    struct requests *requests = requests_of(link);

    if (requests->out.len > 0)
        link_write(link, requests->out.data, requests->out.len);
    strbuf_clear(&requests->out);
}

static const struct link_ops requests_ops = {
    .connected = requests_on_connected,
    .received = requests_on_received,
    .ended = requests_on_ended,
};

bool requests_closed(const struct requests *requests)
{
    return requests->link.state == LINK_CLOSED;
}

void requests_open(struct requests *requests)
{
    const char *cause;

    if (!requests_closed(requests))
        return;
    cause = link_open(&requests->link, &requests->links, 0, &requests_ops);
    if (cause != NULL)
        requests_fail(requests, cause, false);
}

static void requests_remember(struct requests *requests, uint32_t n)
{
    if (requests->waiting == requests->capacity) {
        unsigned capacity = requests->capacity > 0 ? requests->capacity * 2 : 64;
        struct requests_pending *pending = calloc(capacity, sizeof(*pending));

        ENSURE(pending != NULL);
        for (unsigned i = 0; i < requests->waiting; i++)
            pending[i] = requests->pending[(requests->first + i) & (requests->capacity - 1)];
        free(requests->pending);
        requests->pending = pending;
        requests->capacity = capacity;
        requests->first = 0;
    }
    requests->pending[(requests->first + requests->waiting++) & (requests->capacity - 1)] =
        (struct requests_pending){n, clock_ns()};
}

void requests_send(struct requests *requests, uint32_t n, const struct strbuf *request)
{
    requests_remember(requests, n);
    if (requests->link.state == LINK_OPEN) {
        link_write(&requests->link, request->data, request->len);
        return;
    }
    strbuf_append(&requests->out, request->data, request->len);
    ENSURE(!requests->out.failed);
    requests_open(requests);
}

struct requests *requests_new(struct event_base *base, const struct url *url,
                              const struct tls_options *tls, const char **error)
{
    struct requests *requests = calloc(1, sizeof(*requests));

    *error = "out of memory";
    if (requests == NULL)
        return NULL;
    OBJ_INIT(requests, REQUESTS_MAGIC);
    requests->links.base = base;
    requests->links.max_open = 1;
    TAILQ_INIT(&requests->links.waiting);
    if (!net_resolve(url, &requests->links.target, error))
        requests_free(&requests);
    else if (url->secure) {
        struct tls_options named = *tls;

        named.host = url->host;
        requests->links.tls = tls_client_new(&named, error);
        if (requests->links.tls == NULL)
            requests_free(&requests);
    }
    return requests;
}

void requests_free(struct requests **requests)
{
    struct requests *old = *requests;

    if (old == NULL)
        return;
    OBJ_CHECK(old, REQUESTS_MAGIC);
    link_close(&old->link);
    tls_client_free(&old->links.tls);
    if (old->reading)
        http_message_free(&old->answer);
    strbuf_free(&old->out);
    free(old->pending);
    OBJ_CLEAR(old);
    free(old);
    *requests = NULL;
}
