#include "http_conn.h"

#include <stdlib.h>
#include <string.h>

#include "http_response.h"
#include "io_thread.h"
#include "redirect.h"
#include "router.h"
#include "stentor/base/clock.h"
#include "stentor/base/obj.h"

static const struct conn_protocol http_protocol;

static const struct config *http_config(const struct http_conn *http)
{
    return http->conn->thread->config;
}

/* What the connection's deadline is for. */
enum http_stage { HTTP_STAGE_NONE, HTTP_STAGE_IDLE, HTTP_STAGE_HEAD, HTTP_STAGE_BODY };

static enum http_stage http_stage_now(const struct http_conn *http)
{
    if (http->msg == NULL || http->answered)
        return HTTP_STAGE_IDLE;
    return http->msg->head_done ? HTTP_STAGE_BODY : HTTP_STAGE_HEAD;
}

static int http_stage_seconds(const struct http_conn *http, enum http_stage stage)
{
    switch (stage) {
    case HTTP_STAGE_HEAD:
        return http_config(http)->header_timeout;
    case HTTP_STAGE_BODY:
        return http_config(http)->body_timeout;
    case HTTP_STAGE_IDLE:
    case HTTP_STAGE_NONE:
        break;
    }
    return http_config(http)->idle_timeout;
}

/* Sets the deadline when another stage has begun; a request that came whole sets none but that of
 * the idling behind it. */
static void http_arm(struct http_conn *http)
{
    enum http_stage stage = http_stage_now(http);

    if (!conn_is_open(http->conn) || http->waiter != NULL || stage == http->stage)
        return;
    http->stage = (uint8_t)stage;
    conn_set_deadline(http->conn, clock_ms() + (uint64_t)http_stage_seconds(http, stage) * 1000);
}

void http_conn_start(struct conn *conn)
{
    struct http_conn *http = calloc(1, sizeof(*http));

    if (http == NULL) {
        conn_close(conn, CLOSE_NO_MEMORY);
        return;
    }
    OBJ_INIT(http, HTTP_CONN_MAGIC);
    http->conn = conn;
    conn->protocol = &http_protocol;
    conn->state = http;
    http->stage = HTTP_STAGE_HEAD; /* for the first request the time runs from the connect */
    conn_set_deadline(conn, clock_ms() + (uint64_t)http_config(http)->header_timeout * 1000);
}

static bool http_begin_message(struct http_conn *http)
{
    const struct config *config = http_config(http);
    const struct http_limits limits = {
        .target = (size_t)config->max_target_size,
        .head = (size_t)config->max_header_size,
        .body = (size_t)config->max_header_size, /* endpoints that want a body raise it */
    };

    http->msg = io_thread_take_message(http->conn->thread);
    if (http->msg == NULL)
        return false;
    http_message_reuse(http->msg, HTTP_KIND_REQUEST, &limits);
    http->answered = false;
    http->body_done = false;
    http->keep_alive = false;
    http->endpoint = NULL;
    return true;
}

static void http_end_message(struct http_conn *http)
{
    if (http->msg == NULL)
        return;
    io_thread_give_message(http->conn->thread, http->msg);
    http->msg = NULL;
    http->stage = HTTP_STAGE_NONE;
}

static void http_free(struct http_conn *http)
{
    http_end_message(http);
    strbuf_free(&http->stash);
    OBJ_CLEAR(http);
    free(http);
}

void http_conn_upgrade(struct http_conn *http, const struct conn_protocol *protocol, void *state)
{
    http->conn->protocol = protocol;
    http->conn->state = state;
}

/* The short name of a status for programs. */
static const char *http_error_name(int status)
{
    switch (status) {
    case 413:
    case 414:
    case 431:
        return "too_large";
    case 503:
        return "no_memory";
    case 505:
        return "version_not_supported";
    default:
        return "bad_request";
    }
}

static void http_on_failure(struct http_conn *http)
{
    http->keep_alive = false;
    http_respond_error(http, http->msg->status, NULL, http_error_name(http->msg->status),
                       http->msg->error);
    http->conn->finish_reason = CLOSE_HTTP_ERROR;
}

/* The endpoint has its say before the body comes. */
static void http_enter(struct http_conn *http)
{
    struct http_message *msg = http->msg;
    struct span expect;

    if (http->endpoint->on_head != NULL && !http->endpoint->on_head(http))
        return;
    http_refuse_upgrade(msg);
    if (http_content_length(msg) > msg->limits.body) {
        http_respond_error(http, 413, NULL, "too_large",
                           "the body is larger than this server allows (max_publish_size, "
                           "max_message_size)");
        return;
    }
    if (!http_header(msg, "expect", &expect))
        return;
    if (msg->parser.http_minor == 0)
        return; /* HTTP/1.0 knows no expectations (RFC 9110 section 10.1.1) */
    if (http_span_equals(expect, "100-continue"))
        conn_send(http->conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    else
        http_respond_error(http, 417, NULL, "expectation_failed",
                           "the only expectation understood is 100-continue");
}

/* The head is complete: decides who answers, and on which thread. */
static void http_on_head(struct http_conn *http)
{
    struct io_thread *home;

    http->keep_alive = http_keep_alive(http->msg) && !http->conn->thread->stopping;
    if (http->conn->redirect != 0) {
        redirect_answer(http, http->conn->redirect);
        return;
    }
    if (!router_find(http))
        return;
    if (http->conn->thread->stopping) {
        http_respond_error(http, 503, "Retry-After: 1\r\n", "stopping",
                           "the server is stopping; try again when it has been started");
        return;
    }
    home = http->endpoint->home != NULL ? http->endpoint->home(http) : NULL;
    http->entering = true;
    if (home != NULL && home != http->conn->thread)
        http->destination = home;
}

static void http_on_message(struct http_conn *http)
{
    http->body_done = true;
    stats_add(&http->conn->thread->stats.http_requests, 1);
    if (!http->answered)
        http->endpoint->on_request(http);
    http_end_message(http);
}

/* Feeds the parser up to its next stop; returns how much it took. */
static size_t http_feed(struct http_conn *http, const uint8_t *data, size_t len)
{
    size_t used = len;

    if (http->msg == NULL && !http_begin_message(http)) {
        conn_close(http->conn, CLOSE_NO_MEMORY);
        return len;
    }
    switch (http_message_feed(http->msg, data, len, &used)) {
    case HTTP_MORE:
        break;
    case HTTP_HEAD_DONE:
        http_on_head(http);
        break;
    case HTTP_DONE:
        http_on_message(http);
        break;
    case HTTP_FAILED:
        http_on_failure(http);
        break;
    }
    return used;
}

/* Goes on by one step; returns how many bytes it took. */
static size_t http_step(struct http_conn *http, const uint8_t *data, size_t len)
{
    if (!http->entering)
        return http_feed(http, data, len);
    http->entering = false;
    http_enter(http);
    return 0;
}

/* Is there something to be done even without more bytes? */
static bool http_can_step(const struct http_conn *http)
{
    return http->entering ||
           (http->msg != NULL && http->waiter == NULL && http_message_paused(http->msg));
}

/* Keeps what cannot be served yet. */
static bool http_stash(struct http_conn *http, const uint8_t *data, size_t len)
{
    strbuf_append(&http->stash, data, len);
    if (http->stash.failed)
        conn_close(http->conn, CLOSE_NO_MEMORY);
    return !http->stash.failed;
}

static void http_open_arrival(struct mail *mail, void *self);

/* Sends the connection to the thread on which its request is to be served. */
static void http_depart(struct http_conn *http, const uint8_t *data, size_t len)
{
    struct io_thread *destination = http->destination;

    if (!http_stash(http, data, len))
        return;
    conn_detach(http->conn);
    http->mail.open = http_open_arrival;
    stage_post(&destination->stage, &http->mail);
}

/* What came has to wait for the answer to the request before it. */
static void http_postpone(struct http_conn *http, const uint8_t *data, size_t len)
{
    if (!http_stash(http, data, len))
        return;
    conn_stop_reading(http->conn, true);
    if (http->waiter != NULL && http->waiter->on_more != NULL)
        http->waiter->on_more(http, http->context);
}

/* Has the request been answered meanwhile? */
static void http_settle(struct http_conn *http)
{
    if (http->waiter != NULL && http->waiter->settle != NULL)
        http->waiter->settle(http, http->context);
}

/* Takes in what came. False when the connection has left this module, or this thread. */
static bool http_take(struct http_conn *http, uint8_t *data, size_t len)
{
    struct conn *conn = http->conn;
    size_t pos = 0;

    while (conn_is_open(conn) && (pos < len || http_can_step(http))) {
        if (http->waiter != NULL || conn_pending(conn)) {
            http_postpone(http, data + pos, len - pos);
            break;
        }
        pos += http_step(http, data + pos, len - pos);
        if (http->destination != NULL) {
            http_depart(http, data + pos, len - pos);
            return false;
        }
        if (conn->protocol != &http_protocol) {
            http_free(http);
            if (pos < len && conn_is_open(conn))
                conn->protocol->on_data(conn, data + pos, len - pos);
            return false;
        }
    }
    return true;
}

static void http_on_data(struct conn *conn, uint8_t *data, size_t len)
{
    struct http_conn *http = conn->state;

    OBJ_CHECK(http, HTTP_CONN_MAGIC);
    http_settle(http);
    if (http_take(http, data, len))
        http_arm(http);
}

/* Serves what was stashed, and reads on. */
static void http_continue(struct http_conn *http)
{
    struct conn *conn = http->conn;
    struct strbuf stash = http->stash;

    http->stash = (struct strbuf)STRBUF_INIT;
    conn_stop_reading(conn, false);
    if (http_take(http, (uint8_t *)stash.data, stash.len)) {
        if (conn->eof && conn_is_open(conn) && !conn->reading_stopped && http->waiter == NULL)
            conn_finish(conn, CLOSE_PEER);
        http_arm(http);
    }
    strbuf_free(&stash);
}

static void http_open_arrival(struct mail *mail, void *self)
{
    struct http_conn *http = CONTAINER_OF(mail, struct http_conn, mail);
    struct io_thread *thread = self;

    OBJ_CHECK(http, HTTP_CONN_MAGIC);
    http->destination = NULL;
    http->keep_alive = http->keep_alive && !thread->stopping;
    conn_attach(http->conn, thread);
    if (conn_is_open(http->conn))
        http_continue(http);
}

bool http_conn_bearer(const struct http_conn *http, struct span *key)
{
    struct span header;

    if (!http_header(http->msg, "authorization", &header) || header.len < 7 ||
        !http_span_equals((struct span){header.ptr, 7}, "Bearer "))
        return false;
    *key = json_trim((struct span){header.ptr + 7, header.len - 7});
    return true;
}

void http_conn_suspend(struct http_conn *http, const struct http_waiter *waiter, void *context)
{
    http->waiter = waiter;
    http->context = context;
    conn_clear_deadline(http->conn);
    if (!waiter->watch)
        conn_stop_reading(http->conn, true);
}

void http_conn_resume(struct http_conn *http)
{
    http->waiter = NULL;
    if (!conn_is_open(http->conn))
        return;
    if (!conn_pending(http->conn))
        http_continue(http);
    else
        http_arm(http);
}

void http_conn_answered(struct http_conn *http)
{
    http->waiter = NULL;
    http->answered = true;
    http->stage = HTTP_STAGE_NONE;
    if (!conn_is_open(http->conn))
        return;
    if (!http->keep_alive)
        conn_finish(http->conn, CLOSE_FINISHED);
    else if (http->conn->reading_stopped && !conn_pending(http->conn))
        conn_set_deadline(http->conn, clock_ms()); /* goes on in http_on_deadline */
    else
        http_arm(http);
}

static void http_on_blocked(struct conn *conn)
{
    (void)conn; /* http_on_data looks whether something is pending */
}

static void http_on_progress(struct conn *conn)
{
    struct http_conn *http = conn->state;

    if (http->stage == HTTP_STAGE_IDLE) /* a long answer is being read: not idle */
        http->stage = HTTP_STAGE_NONE;
    http_arm(http);
}

static void http_on_drained(struct conn *conn)
{
    struct http_conn *http = conn->state;

    if (conn->reading_stopped && http->waiter == NULL)
        http_continue(http);
}

static void http_on_eof(struct conn *conn)
{
    struct http_conn *http = conn->state;

    http_settle(http);
    if (http->waiter != NULL && http->waiter->watch)
        conn_close(conn, CLOSE_PEER);
    else if (!conn->reading_stopped) /* who shut its side only may still want its answers */
        conn_finish(conn, CLOSE_PEER);
}

static void http_on_deadline(struct conn *conn)
{
    struct http_conn *http = conn->state;

    if (http->waiter != NULL)
        return;
    if (conn->reading_stopped && !conn_pending(conn)) {
        http_conn_resume(http);
        return;
    }
    if (http->msg == NULL || http->answered) {
        conn_finish(conn, CLOSE_IDLE);
        return;
    }
    bool in_body = http->msg->head_done;
    http->keep_alive = false;
    http_respond_error(http, 408, NULL, "timeout",
                       in_body ? "the body took too long (body_timeout)"
                               : "the head took too long (header_timeout)");
    conn->finish_reason = in_body ? CLOSE_BODY_TIMEOUT : CLOSE_HEADER_TIMEOUT;
}

static void http_on_goodbye(struct conn *conn)
{
    struct http_conn *http = conn->state;

    http_settle(http);
    http->keep_alive = false;
    if (http->waiter == NULL)
        conn_finish(conn, CLOSE_SHUTDOWN);
    else if (http->waiter->on_goodbye != NULL)
        http->waiter->on_goodbye(http, http->context);
}

static void http_on_close(struct conn *conn)
{
    struct http_conn *http = conn->state;

    if (http == NULL)
        return;
    http_settle(http);
    if (http->waiter != NULL)
        http->waiter->on_abort(http, http->context);
}

static void http_on_free(struct conn *conn)
{
    if (conn->state != NULL)
        http_free(conn->state);
}

static const struct conn_protocol http_protocol = {
    .name = "http",
    .on_data = http_on_data,
    .on_eof = http_on_eof,
    .on_blocked = http_on_blocked,
    .on_progress = http_on_progress,
    .on_drained = http_on_drained,
    .on_deadline = http_on_deadline,
    .on_goodbye = http_on_goodbye,
    .on_close = http_on_close,
    .on_free = http_on_free,
};
