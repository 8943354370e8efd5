#include "publisher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stentor/base/clock.h"
#include "stentor/base/obj.h"

#define PUBLISHER_MAGIC 0x50b115e2u

static const struct http_limits publisher_limits = {.target = 0, .head = 16384, .body = 65536};

static void publisher_on_event(evutil_socket_t fd, short what, void *arg);

static void publisher_watch(struct publisher *publisher, evutil_socket_t fd, short what)
{
    event_del(&publisher->event);
    event_assign(&publisher->event, publisher->base, fd, (short)(what | EV_PERSIST),
                 publisher_on_event, publisher);
    event_add(&publisher->event, NULL);
}

/* The oldest request is done; `refusal` is the cause when it was not accepted. */
static void publisher_answered(struct publisher *publisher, enum measure_answer answer,
                               const char *refusal)
{
    struct publisher_request *request = &publisher->requests[publisher->first];

    publisher->first = (publisher->first + 1) & (publisher->capacity - 1);
    publisher->waiting--;
    if (answer == MEASURE_ACCEPTED)
        histogram_record(&publisher->answer_delay, clock_ns() - request->sent_ns);
    else
        tally_add(&publisher->refusals, refusal);
    publisher->on_answer(publisher->arg, request->n, answer);
}

/* The connection is gone, and with it the requests without an answer. What became of those that
 * had been sent nobody knows. */
static void publisher_close(struct publisher *publisher, const char *cause)
{
    enum measure_answer answer =
        publisher->state == PUBLISHER_OPEN ? MEASURE_UNANSWERED : MEASURE_REFUSED;

    if (publisher->state != PUBLISHER_CLOSED) {
        event_del(&publisher->event);
        close(event_get_fd(&publisher->event));
    }
    publisher->state = PUBLISHER_CLOSED;
    if (publisher->reading)
        http_message_free(&publisher->answer);
    publisher->reading = false;
    strbuf_clear(&publisher->out);
    for (unsigned n = publisher->waiting; n > 0; n--)
        publisher_answered(publisher, answer, cause);
}

void publisher_open(struct publisher *publisher)
{
    int fd;

    if (publisher->state != PUBLISHER_CLOSED)
        return;
    fd = net_connect(&publisher->target, NULL);
    if (fd < 0) {
        publisher_close(publisher, tally_errno(-fd));
        return;
    }
    publisher->state = PUBLISHER_CONNECTING;
    publisher_watch(publisher, fd, EV_WRITE);
}

static void publisher_flush(struct publisher *publisher)
{
    evutil_socket_t fd = event_get_fd(&publisher->event);
    ssize_t n = 0;

    if (publisher->out.len > 0)
        n = send(fd, publisher->out.data, publisher->out.len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        publisher_close(publisher, tally_errno(errno));
        return;
    }
    if (n > 0)
        strbuf_consume(&publisher->out, (size_t)n);
    if (publisher->out.len > 0)
        publisher_watch(publisher, fd, EV_READ | EV_WRITE);
    else if (event_get_events(&publisher->event) & EV_WRITE)
        publisher_watch(publisher, fd, EV_READ);
}

static void publisher_remember(struct publisher *publisher, uint32_t n)
{
    if (publisher->waiting == publisher->capacity) {
        unsigned capacity = publisher->capacity > 0 ? publisher->capacity * 2 : 64;
        struct publisher_request *requests = calloc(capacity, sizeof(*requests));

        ENSURE(requests != NULL);
        for (unsigned i = 0; i < publisher->waiting; i++)
            requests[i] = publisher->requests[(publisher->first + i) & (publisher->capacity - 1)];
        free(publisher->requests);
        publisher->requests = requests;
        publisher->capacity = capacity;
        publisher->first = 0;
    }
    publisher->requests[(publisher->first + publisher->waiting++) & (publisher->capacity - 1)] =
        (struct publisher_request){n, clock_ns()};
}

void publisher_send(struct publisher *publisher, uint32_t n, const struct strbuf *data)
{
    bool blocked = publisher->out.len > 0;

    publisher_remember(publisher, n);
    strbuf_append(&publisher->out, publisher->head.data, publisher->head.len);
    strbuf_printf(&publisher->out, "%zu\r\n\r\n", data->len);
    strbuf_append(&publisher->out, data->data, data->len);
    ENSURE(!publisher->out.failed);
    if (publisher->state == PUBLISHER_CLOSED)
        publisher_open(publisher);
    else if (publisher->state == PUBLISHER_OPEN && !blocked)
        publisher_flush(publisher);
}

/* A whole answer has come. */
static void publisher_take_answer(struct publisher *publisher)
{
    int status = publisher->answer.parser.status_code;
    bool keep_alive = http_keep_alive(&publisher->answer);
    char refusal[TALLY_MAX_LABEL];

    snprintf(refusal, sizeof(refusal), "http_%d", status);
    http_message_free(&publisher->answer);
    publisher->reading = false;
    if (publisher->waiting > 0)
        publisher_answered(publisher, status / 100 == 2 ? MEASURE_ACCEPTED : MEASURE_REFUSED,
                           refusal);
    if (!keep_alive)
        publisher_close(publisher, "connection_closed");
}

static void publisher_read(struct publisher *publisher, const char *data, size_t len)
{
    while (publisher->state == PUBLISHER_OPEN && (len > 0 || publisher->reading)) {
        size_t used;
        enum http_result result;

        if (!publisher->reading)
            http_message_init(&publisher->answer, HTTP_KIND_RESPONSE, &publisher_limits);
        publisher->reading = true;
        result = http_message_feed(&publisher->answer, data, len, &used);
        data += used;
        len -= used;
        if (result == HTTP_DONE)
            publisher_take_answer(publisher);
        else if (result == HTTP_FAILED)
            publisher_close(publisher, "bad_answer");
        else if (result == HTTP_MORE)
            return;
    }
}

/* The end of the connection can be the end of an answer. */
static void publisher_ended(struct publisher *publisher)
{
    if (publisher->reading && http_message_finish(&publisher->answer))
        publisher_take_answer(publisher);
    publisher_close(publisher, "connection_closed");
}

static void publisher_readable(struct publisher *publisher, evutil_socket_t fd)
{
    char data[16384];
    ssize_t n = recv(fd, data, sizeof(data), 0);

    if (n > 0)
        publisher_read(publisher, data, (size_t)n);
    else if (n == 0)
        publisher_ended(publisher);
    else if (errno != EAGAIN && errno != EINTR)
        publisher_close(publisher, tally_errno(errno));
}

static void publisher_connected(struct publisher *publisher, evutil_socket_t fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error != 0) {
        publisher_close(publisher, tally_errno(error));
        return;
    }
    publisher->state = PUBLISHER_OPEN;
    publisher_watch(publisher, fd, EV_READ);
    publisher_flush(publisher);
}

static void publisher_on_event(evutil_socket_t fd, short what, void *arg)
{
    struct publisher *publisher;

    OBJ_CAST(publisher, arg, PUBLISHER_MAGIC);
    if (publisher->state == PUBLISHER_CONNECTING) {
        publisher_connected(publisher, fd);
        return;
    }
    if (what & EV_READ)
        publisher_readable(publisher, fd);
    if (what & EV_WRITE && publisher->state == PUBLISHER_OPEN)
        publisher_flush(publisher);
}

static void publisher_build_head(struct publisher *publisher, const struct options *options)
{
    struct strbuf *out = &publisher->head;

    strbuf_append_str(out, "POST ");
    if (options->publish.path[0] != '\0') {
        strbuf_append_str(out, options->publish.path);
    } else {
        strbuf_append_str(out, "/publish/");
        url_append_encoded(out, options->room != NULL ? options->room : "*");
        strbuf_append_str(out, "/swarm");
    }
    strbuf_printf(out, " HTTP/1.1\r\nHost: %s\r\n", options->publish.authority);
    strbuf_append_str(out, "User-Agent: stentor-swarm/" STENTOR_VERSION "\r\n"
                           "Content-Type: application/json\r\n");
    if (options->key != NULL)
        strbuf_printf(out, "Authorization: Bearer %s\r\n", options->key);
    strbuf_append_str(out, "Content-Length: ");
}

struct publisher *publisher_new(struct event_base *base, const struct options *options,
                                const char **error)
{
    struct publisher *publisher = calloc(1, sizeof(*publisher));

    *error = "out of memory";
    if (publisher == NULL)
        return NULL;
    OBJ_INIT(publisher, PUBLISHER_MAGIC);
    publisher->base = base;
    histogram_init(&publisher->answer_delay);
    event_assign(&publisher->event, base, -1, 0, publisher_on_event, publisher);
    publisher_build_head(publisher, options);
    if (!net_resolve(&options->publish, &publisher->target, error))
        publisher_free(&publisher);
    return publisher;
}

void publisher_free(struct publisher **publisher)
{
    struct publisher *old = *publisher;

    if (old == NULL)
        return;
    OBJ_CHECK(old, PUBLISHER_MAGIC);
    if (old->state != PUBLISHER_CLOSED) {
        event_del(&old->event);
        close(event_get_fd(&old->event));
    }
    if (old->reading)
        http_message_free(&old->answer);
    strbuf_free(&old->head);
    strbuf_free(&old->out);
    free(old->requests);
    OBJ_CLEAR(old);
    free(old);
    *publisher = NULL;
}
