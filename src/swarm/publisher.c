#include "publisher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/clock.h"
#include "stentor/base/obj.h"

#define PUBLISHER_MAGIC 0x9ab11542u

static void publisher_on_outcome(void *arg, const struct requests_outcome *outcome)
{
    struct publisher *publisher;
    enum measure_answer answer = MEASURE_REFUSED;
    char refusal[TALLY_MAX_LABEL];
    int status;

    OBJ_CAST(publisher, arg, PUBLISHER_MAGIC);
    if (outcome->answer == NULL) {
        tally_add(&publisher->refusals, outcome->cause);
        answer = outcome->carried_out ? MEASURE_UNANSWERED : MEASURE_REFUSED;
    } else if ((status = outcome->answer->parser.status_code) / 100 == 2) {
        histogram_record(&publisher->answer_delay, clock_ns() - outcome->sent_ns);
        answer = MEASURE_ACCEPTED;
    } else {
        snprintf(refusal, sizeof(refusal), "http_%d", status);
        tally_add(&publisher->refusals, refusal);
    }
    publisher->on_answer(publisher->arg, outcome->n, answer);
}

static bool publisher_takes(const char **text, const char *name)
{
    size_t len = strlen(name);

    if (strncmp(*text, name, len) != 0)
        return false;
    *text += len;
    return true;
}

/* Appends the template with its placeholders replaced; names are escaped for a path (`in_path`),
 * or as the inside of a JSON string. */
static void publisher_expand(const struct publisher *publisher, struct strbuf *out,
                             const char *text, bool in_path, uint32_t n, const struct strbuf *data)
{
    const struct options *options = publisher->options;
    const char *room = options->room != NULL ? options->room : in_path ? "*" : "";

    while (*text != '\0') {
        if (publisher_takes(&text, "{room}"))
            in_path ? url_append_encoded(out, room) : strbuf_append_str(out, room);
        else if (publisher_takes(&text, "{event}"))
            in_path ? url_append_encoded(out, options->event)
                    : strbuf_append_str(out, options->event);
        else if (publisher_takes(&text, "{n}"))
            strbuf_printf(out, "%u", n);
        else if (data != NULL && publisher_takes(&text, "{data}"))
            strbuf_append(out, data->data, data->len);
        else
            strbuf_append_char(out, *text++);
    }
}

static void publisher_append_headers(const struct publisher *publisher, struct strbuf *out)
{
    const struct options *options = publisher->options;

    strbuf_printf(out, "Host: %s\r\n", options->publish.authority);
    strbuf_append_str(out, "User-Agent: stentor-swarm/" STENTOR_VERSION "\r\n");
    if (options->key != NULL)
        strbuf_printf(out, "Authorization: Bearer %s\r\n", options->key);
    for (unsigned i = 0; i < options->header_count; i++)
        strbuf_printf(out, "%s\r\n", options->headers[i]);
    if (!options->has_content_type)
        strbuf_append_str(out, "Content-Type: application/json\r\n");
}

void publisher_send(struct publisher *publisher, uint32_t n, const struct strbuf *data)
{
    const struct options *options = publisher->options;
    const char *path =
        options->publish.path[0] != '\0' ? options->publish.path : "/publish/{room}/{event}";
    struct strbuf *request = &publisher->request;

    strbuf_clear(&publisher->path);
    strbuf_clear(&publisher->body);
    strbuf_clear(request);
    publisher_expand(publisher, &publisher->path, path, true, n, NULL);
    publisher_expand(publisher, &publisher->body, options->publish_body, false, n, data);
    strbuf_printf(request, "%s ", options->publish_method);
    strbuf_append(request, publisher->path.data, publisher->path.len);
    strbuf_append_str(request, " HTTP/1.1\r\n");
    publisher_append_headers(publisher, request);
    strbuf_printf(request, "Content-Length: %zu\r\n\r\n", publisher->body.len);
    strbuf_append(request, publisher->body.data, publisher->body.len);
    ENSURE(!publisher->path.failed && !publisher->body.failed && !request->failed);
    requests_send(publisher->requests, n, request);
}

struct publisher *publisher_new(struct event_base *base, const struct options *options,
                                const char **error)
{
    struct publisher *publisher = calloc(1, sizeof(*publisher));

    *error = "out of memory";
    if (publisher == NULL)
        return NULL;
    OBJ_INIT(publisher, PUBLISHER_MAGIC);
    publisher->options = options;
    histogram_init(&publisher->answer_delay);
    publisher->requests = requests_new(base, &options->publish, &options->tls, error);
    if (publisher->requests == NULL) {
        publisher_free(&publisher);
        return NULL;
    }
    publisher->requests->on_outcome = publisher_on_outcome;
    publisher->requests->arg = publisher;
    return publisher;
}

void publisher_free(struct publisher **publisher)
{
    struct publisher *old = *publisher;

    if (old == NULL)
        return;
    OBJ_CHECK(old, PUBLISHER_MAGIC);
    requests_free(&old->requests);
    strbuf_free(&old->path);
    strbuf_free(&old->body);
    strbuf_free(&old->request);
    OBJ_CLEAR(old);
    free(old);
    *publisher = NULL;
}
