#include "engine_polling.h"

#include "cors.h"
#include "delivery.h"
#include "encoder.h"
#include "engine_queue.h"
#include "http_response.h"
#include "io_thread.h"
#include "poll_response.h"
#include "stentor/base/utf8.h"
#include "tls.h"
#include "ws_conn.h"

static const struct config *engine_polling_config(const struct http_conn *http)
{
    return http->conn->thread->config;
}

static enum dialect engine_polling_dialect(const struct engine *engine)
{
    return (enum dialect)session_cursor(engine->session)->dialect;
}

static void engine_polling_respond(struct http_conn *http, int status, const char *type,
                                   const struct strbuf *body, const char *more_headers)
{
    struct strbuf headers = STRBUF_INIT;

    strbuf_append_str(&headers, "Cache-Control: no-store\r\n");
    strbuf_append_str(&headers, more_headers);
    if (headers.failed || body->failed)
        conn_close(http->conn, CLOSE_NO_MEMORY);
    else
        http_respond(http, status, strbuf_cstr(&headers), type, body->data, body->len);
    strbuf_free(&headers);
}

void engine_polling_refuse(struct http_conn *http, enum engine_io_error error)
{
    struct strbuf body = STRBUF_INIT;

    engine_io_append_error(&body, error);
    engine_polling_respond(http, error == ENGINE_IO_FORBIDDEN ? 403 : 400, "application/json",
                           &body, "");
    strbuf_free(&body);
}

/* Proxies that keep a client on one server go by this cookie. */
static void engine_polling_append_cookie(struct strbuf *out, const struct engine *engine,
                                         bool secure)
{
    const char *name = engine->thread->config->sticky_cookie;
    char id[SESSION_ID_TEXT];

    if (*name == '\0')
        return;
    session_id_text(engine->session->id, id);
    strbuf_printf(out, "Set-Cookie: %s=%s; Path=/; HttpOnly; SameSite=Lax%s\r\n", name, id,
                  secure ? "; Secure" : "");
}

void engine_polling_open(struct engine *engine, struct http_conn *http)
{
    struct strbuf open = STRBUF_INIT, payload = STRBUF_INIT, cookie = STRBUF_INIT;
    enum engine_io_payload form =
        engine->protocol == ENGINE_IO_PROTOCOL_OLD ? ENGINE_IO_PAYLOAD_3 : ENGINE_IO_PAYLOAD_4;

    engine_start_timer(engine);
    engine_append_open(engine, &open);
    engine_io_append_packet(&payload, form,
                            &(struct engine_io_packet){
                                .type = ENGINE_IO_OPEN,
                                .data = {open.data, open.len},
                            });
    payload.failed |= open.failed;
    strbuf_consume(&payload, engine_io_payload_skip(form));
    engine_polling_append_cookie(&cookie, engine, tls_is_used(http->conn));
    engine_polling_respond(http, 200, "text/plain; charset=UTF-8", &payload, strbuf_cstr(&cookie));
    strbuf_free(&open);
    strbuf_free(&payload);
    strbuf_free(&cookie);
}

/* --- Answering a GET */

/* The poll has its answer: the session waits for the next one. */
static void engine_polling_release(struct engine *engine)
{
    struct http_conn *http = engine->poll;

    engine->poll = NULL;
    session_detach(engine->session);
    http_conn_answered(http);
}

/* A poll that was answered in the middle of a fan-out has not been told so: at that moment nothing
 * of the client but its cursor was at hand. */
static void engine_polling_settle(struct engine *engine)
{
    if (engine->poll != NULL && !session_is_attached(engine->session))
        engine_polling_release(engine);
}

static void engine_polling_on_settle(struct http_conn *http, void *context)
{
    (void)http;
    engine_polling_settle(context);
}

void engine_polling_answered(struct session *session)
{
    engine_polling_release(session->client);
}

/* A response in pieces: its head, and a body of packets for this client alone or of shared ones. */
struct engine_response {
    struct strbuf head;
    struct strbuf payload;
    struct refbuf *const *encodings;
    int count;
    struct iovec iov[DELIVERY_BATCH + 2];
    int used;
};

/* Points to the pieces of the body, without the byte that the first packet has too much; returns
 * its length. */
static size_t engine_polling_collect(struct engine_response *response, size_t skip)
{
    struct iovec *iov = response->iov;
    size_t len = 0;

    response->used = 1;
    if (response->payload.len > 0)
        iov[response->used++] = (struct iovec){response->payload.data, response->payload.len};
    for (int i = 0; i < response->count; i++)
        iov[response->used++] =
            (struct iovec){response->encodings[i]->data, response->encodings[i]->len};
    iov[1] = (struct iovec){(char *)iov[1].iov_base + skip, iov[1].iov_len - skip};
    for (int i = 1; i < response->used; i++)
        len += iov[i].iov_len;
    return len;
}

/* Keeps a piece that is for this response alone, from `offset` on. */
static void engine_polling_hold_copy(struct conn *conn, const struct iovec *piece, size_t offset)
{
    struct refbuf *copy =
        refbuf_copy((const char *)piece->iov_base + offset, piece->iov_len - offset);

    if (copy == NULL) {
        conn_close(conn, CLOSE_NO_MEMORY);
        return;
    }
    conn_hold(conn, copy, 0);
    refbuf_unref(&copy);
}

/* Keeps what the socket did not take: copies of what is for this client, references to the rest. */
static void engine_polling_hold(struct conn *conn, const struct engine_response *response,
                                size_t written)
{
    int first_shared = response->used - response->count;

    for (int i = 0; i < response->used && conn_is_open(conn); i++) {
        const struct iovec *piece = &response->iov[i];
        size_t taken = written < piece->iov_len ? written : piece->iov_len;

        written -= taken;
        if (taken == piece->iov_len)
            continue;
        if (i < first_shared) {
            engine_polling_hold_copy(conn, piece, taken);
        } else {
            struct refbuf *encoding = response->encodings[i - first_shared];
            conn_hold(conn, encoding, encoding->len - (piece->iov_len - taken));
        }
    }
}

/* Writes the response, whose head is yet to be made. -1 when the connection is dead, and with it
 * the engine. */
static ssize_t engine_polling_write(struct engine *engine, struct engine_response *response)
{
    enum dialect dialect = engine_polling_dialect(engine);
    struct conn *conn = engine->session->conn;
    ssize_t written = -1;
    size_t len;

    if (response->payload.failed) {
        conn_close(conn, CLOSE_NO_MEMORY);
        return -1;
    }
    len = engine_polling_collect(response, engine_io_payload_skip(encoder_payload(dialect)));
    poll_response_append_head(
        &response->head, engine->thread->config, session_cursor(engine->session)->answer,
        encoder_payload_is_binary(dialect, response->iov[1].iov_base, response->iov[1].iov_len),
        len);
    response->iov[0] = (struct iovec){response->head.data, response->head.len};
    if (response->head.failed)
        conn_close(conn, CLOSE_NO_MEMORY);
    else
        written = conn_writev(conn, response->iov, response->used);
    if (written >= 0 && (size_t)written < response->head.len + len)
        engine_polling_hold(conn, response, (size_t)written);
    if (written < 0 || engine->poll == NULL)
        return -1;
    engine_polling_release(engine);
    return written;
}

/* Answers with what is in the queue, as much of it as one answer may hold. */
static void engine_polling_send_queue(struct engine *engine)
{
    struct engine_response response = {.count = 0};
    size_t before = engine->queue.len;

    engine_queue_drain(&engine->queue, encoder_payload(engine_polling_dialect(engine)),
                       DELIVERY_POLL_PACKETS, &response.payload);
    engine_drained(engine, before - engine->queue.len);
    engine_polling_write(engine, &response);
    strbuf_free(&response.head);
    strbuf_free(&response.payload);
}

/* What is for the client alone goes first, and the messages with the next poll. */
ssize_t engine_polling_answer(struct session *session, struct refbuf *const *encodings, int count)
{
    struct engine_response response = {.encodings = encodings, .count = count};
    struct engine *engine = session->client;
    ssize_t written;

    if (engine->queue.len > 0) {
        engine_polling_send_queue(engine);
        return -1;
    }
    written = engine_polling_write(engine, &response);
    strbuf_free(&response.head);
    return written;
}

void engine_polling_flush(struct engine *engine)
{
    engine_polling_settle(engine);
    if (engine->poll != NULL && engine->queue.len > 0)
        engine_polling_send_queue(engine);
}

void engine_polling_finish(struct engine *engine, enum engine_io_type type)
{
    enum engine_io_payload form = encoder_payload(engine_polling_dialect(engine));
    struct engine_response response = {.count = 0};

    engine_polling_settle(engine);
    if (engine->poll == NULL)
        return;
    if (form == ENGINE_IO_PAYLOAD_3_BINARY)
        form = ENGINE_IO_PAYLOAD_3;
    engine_io_append_packet(&response.payload, form,
                            &(struct engine_io_packet){.type = type, .data = {"", 0}});
    engine_polling_write(engine, &response);
    strbuf_free(&response.head);
    strbuf_free(&response.payload);
}

/* --- GET */

/* The client hung up on its poll, or the network did: the session is lost. */
static void engine_polling_on_abort(struct http_conn *http, void *context)
{
    struct engine *engine = context;

    (void)http;
    engine->poll = NULL;
    session_detach(engine->session);
    engine_close(engine, CLOSE_RESET);
}

static void engine_polling_on_goodbye(struct http_conn *http, void *context)
{
    struct engine *engine = context;

    session_cursor(engine->session)->answer =
        poll_response_answer(poll_response_cors(session_cursor(engine->session)->answer), false);
    (void)http;
    engine_close(engine, CLOSE_SHUTDOWN);
}

/* A request waits behind the poll: it is to be gone on with as soon as that is answered. */
static void engine_polling_on_more(struct http_conn *http, void *context)
{
    struct cursor *cursor = session_cursor(((struct engine *)context)->session);

    (void)http;
    if (cursor->answer != 0)
        cursor->answer = poll_response_to_be_told(cursor->answer);
}

static const struct http_waiter engine_polling_waiter = {
    .on_abort = engine_polling_on_abort,
    .on_goodbye = engine_polling_on_goodbye,
    .settle = engine_polling_on_settle,
    .on_more = engine_polling_on_more,
    .watch = true,
};

/* Two polls at once: nobody could say in which order their answers arrive. */
static void engine_polling_overlap(struct engine *engine, struct http_conn *http)
{
    engine_close(engine, CLOSE_PROTOCOL_ERROR);
    engine_polling_refuse(http, ENGINE_IO_BAD_REQUEST);
}

static bool engine_polling_has_all(const struct engine *engine)
{
    return session_cursor(engine->session)->seq ==
           journal_head(&engine->session->delivery->journal);
}

void engine_polling_get(struct engine *engine, struct http_conn *http)
{
    const struct config *config = engine_polling_config(http);
    uint8_t answer = poll_response_answer(cors_find(config, http->msg), http->keep_alive);

    engine_polling_settle(engine);
    if (engine->poll != NULL) {
        engine_polling_overlap(engine, http);
        return;
    }
    io_thread_count_poll(engine->thread);
    engine_polled(engine);
    engine->poll = http;
    http_conn_suspend(http, &engine_polling_waiter, engine);
    if (engine->left)
        session_skip(engine->session);
    session_attach(engine->session, http->conn, answer);
    if (engine->poll != http) { /* answered already, or closed */
        engine->left = engine->leaving && !engine->closed && engine_polling_has_all(engine);
        return;
    }
    engine_polling_flush(engine);
    if (engine->thread->stopping || engine->leaving)
        engine_close(engine, CLOSE_SHUTDOWN);
}

/* --- POST */

/* How the packets in the body are put together; false when this client may not send that. */
static bool engine_polling_form(const struct engine *engine, const struct http_conn *http,
                                enum engine_io_payload *form)
{
    bool binary = http_content_is(http->msg, "application/octet-stream");

    *form = engine->protocol != ENGINE_IO_PROTOCOL_OLD ? ENGINE_IO_PAYLOAD_4
            : binary                                   ? ENGINE_IO_PAYLOAD_3_BINARY
                                                       : ENGINE_IO_PAYLOAD_3;
    return !binary || *form == ENGINE_IO_PAYLOAD_3_BINARY;
}

/* Takes in all packets of the body. False when they broke the protocol. */
static bool engine_polling_receive(struct engine *engine, enum engine_io_payload form,
                                   struct span body)
{
    struct engine_io_reader reader;
    struct engine_io_packet packet;
    enum engine_io_result result = ENGINE_IO_END;
    int code = 0;

    if (body.len == 0 || (form != ENGINE_IO_PAYLOAD_3_BINARY && !utf8_valid(body.ptr, body.len)))
        return false;
    engine_io_reader_init(&reader, form, body);
    while (code == 0 && !engine->closed && engine->transport == ENGINE_POLLING &&
           (result = engine_io_reader_next(&reader, &packet)) == ENGINE_IO_PACKET)
        code = engine_receive(engine, &packet);
    engine_io_reader_free(&reader);
    return code == 0 && result != ENGINE_IO_FAILED;
}

void engine_polling_post(struct engine *engine, struct http_conn *http)
{
    struct span body = {http->msg->body.data, http->msg->body.len};
    struct strbuf ok = {.data = (char[]){'o', 'k'}, .len = 2};
    enum engine_io_payload form;

    if (engine_queue_is_full(&engine->queue)) {
        engine_close(engine, CLOSE_QUEUE_FULL);
        engine_polling_refuse(http, ENGINE_IO_BAD_REQUEST);
        return;
    }
    engine_cork(engine);
    if (engine_polling_form(engine, http, &form) && engine_polling_receive(engine, form, body)) {
        engine_polling_respond(http, 200, "text/html", &ok, "");
    } else {
        engine_close(engine, CLOSE_PROTOCOL_ERROR);
        engine_polling_refuse(http, ENGINE_IO_BAD_REQUEST);
    }
    engine_uncork(engine);
}
