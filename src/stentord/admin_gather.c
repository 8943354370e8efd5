#include "admin_gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_response.h"
#include "io_thread.h"
#include "server.h"
#include "stentor/base/obj.h"

#define ADMIN_GATHER_MAGIC 0x61676174u

enum {
    ADMIN_GATHER_LIMIT = 100,
    ADMIN_GATHER_MAX_LIMIT = 1000000,
    /* Bytes, about. The allocator keeps twice as much for good as was freed in one large piece. */
    ADMIN_GATHER_PART = 32768,
};

static void admin_gather_free(struct admin_gather *gather)
{
    for (size_t i = 0; i < gather->part_count; i++)
        refbuf_unref(&gather->parts[i]);
    free(gather->parts);
    strbuf_free(&gather->answer);
    json_decref(gather->tally);
    OBJ_CLEAR(gather);
    free(gather);
}

/* False when it does not fit. */
static bool admin_gather_text(char *to, struct span value)
{
    struct strbuf decoded = STRBUF_INIT;
    bool fits = http_decode(value, true, &decoded) && decoded.len < ADMIN_GATHER_TEXT;

    if (fits)
        snprintf(to, ADMIN_GATHER_TEXT, "%s", strbuf_cstr(&decoded));
    strbuf_free(&decoded);
    return fits;
}

static bool admin_gather_number(struct admin_gather *gather, struct span value)
{
    char text[12], *end;

    snprintf(text, sizeof(text), "%.*s", (int)(value.len < 11 ? value.len : 11), value.ptr);
    gather->limit = (unsigned)strtoul(text, &end, 10);
    return end != text && *end == '\0' && gather->limit > 0 &&
           gather->limit <= ADMIN_GATHER_MAX_LIMIT;
}

static bool admin_gather_read(struct admin_gather *gather, struct span name, struct span value)
{
    if (http_span_equals(name, "limit"))
        return admin_gather_number(gather, value);
    if (http_span_equals(name, "room"))
        return admin_gather_text(gather->room, value);
    if (http_span_equals(name, "address"))
        return admin_gather_text(gather->address, value);
    if (http_span_equals(name, "session"))
        return admin_gather_text(gather->session, value);
    return true;
}

struct admin_gather *admin_gather_new(struct http_conn *http)
{
    struct admin_gather *gather = calloc(1, sizeof(*gather));
    struct span path, query, name, value;
    bool good = true;

    if (gather == NULL) {
        http_respond_error(http, 503, NULL, "no_memory",
                           "the server has no memory; try again later");
        return NULL;
    }
    OBJ_INIT(gather, ADMIN_GATHER_MAGIC);
    gather->http = http;
    gather->origin = http->conn->thread;
    gather->limit = ADMIN_GATHER_LIMIT;
    http_split_target(http->msg, &path, &query);
    while (good && http_query_next(&query, &name, &value))
        good = admin_gather_read(gather, name, value);
    if (good)
        return gather;
    admin_gather_refuse(gather, "limit must be a number from 1 to 1000000; room, address and "
                                "session are texts of up to 299 bytes");
    return NULL;
}

bool admin_gather_is_selective(const struct admin_gather *gather)
{
    return *gather->room != '\0' || *gather->address != '\0' || *gather->session != '\0';
}

void admin_gather_refuse(struct admin_gather *gather, const char *message)
{
    http_respond_error(gather->http, 400, NULL, "bad_query", message);
    admin_gather_free(gather);
}

static void admin_gather_on_abort(struct http_conn *http, void *context)
{
    struct admin_gather *gather = context;

    (void)http;
    gather->http = NULL;
}

static const struct http_waiter admin_gather_waiter = {.on_abort = admin_gather_on_abort};

/* Moves what the answer has become to its parts. */
static void admin_gather_cut(struct admin_gather *gather)
{
    struct refbuf **parts = realloc(gather->parts, (gather->part_count + 1) * sizeof(*parts));
    struct refbuf *part = NULL;

    if (parts != NULL) {
        gather->parts = parts;
        part = refbuf_copy(gather->answer.data, gather->answer.len);
    }
    strbuf_clear(&gather->answer);
    if (part != NULL)
        parts[gather->part_count++] = part;
    else
        gather->answer.failed = true;
}

static void admin_gather_answer(struct admin_gather *gather)
{
    struct http_conn *http = gather->http;

    gather->finish(gather);
    if (!gather->answer.failed)
        admin_gather_cut(gather);
    if (!gather->answer.failed)
        http_respond_parts(http, 200, NULL, "application/json", gather->parts, gather->part_count);
    else
        http_respond_error(http, 503, NULL, "no_memory",
                           "the server has no memory; try again later");
    http_conn_resume(http);
}

/* Visits the thread; false when it has more. */
static bool admin_gather_visit(struct admin_gather *gather, struct io_thread *thread)
{
    bool more = gather->visit(gather, thread);

    if (!gather->answer.failed && gather->answer.len >= ADMIN_GATHER_PART)
        admin_gather_cut(gather);
    return !more;
}

static void admin_gather_open(struct mail *mail, void *self)
{
    struct admin_gather *gather = CONTAINER_OF(mail, struct admin_gather, mail);
    struct server *server = gather->origin->server;
    struct io_thread *thread = self;
    unsigned next;

    OBJ_CHECK(gather, ADMIN_GATHER_MAGIC);
    if (gather->visited == server->io_thread_count) {
        if (gather->http != NULL)
            admin_gather_answer(gather);
        admin_gather_free(gather);
        return;
    }
    if (!admin_gather_visit(gather, thread)) {
        stage_post(&thread->stage, &gather->mail);
        return;
    }
    gather->at = 0;
    gather->visited++;
    next = (gather->origin->index + gather->visited) % server->io_thread_count;
    stage_post(&server->io_threads[next].stage, &gather->mail);
}

void admin_gather_start(struct admin_gather *gather)
{
    http_conn_suspend(gather->http, &admin_gather_waiter, gather);
    gather->mail.open = admin_gather_open;
    stage_post(&gather->origin->stage, &gather->mail);
}
