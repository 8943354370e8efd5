#include "delivery_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/stentord/poll_response.h"
#include "stentor/base/clock.h"
#include "stentor/base/obj.h"

static void fixture_on_data(struct conn *conn, uint8_t *data, size_t len)
{
    (void)conn;
    (void)data;
    (void)len;
}

static void fixture_on_eof(struct conn *conn)
{
    conn_close(conn, CLOSE_PEER);
}

static void fixture_on_blocked(struct conn *conn)
{
    struct fixture_client *client = conn->state;

    delivery_blocked(client->session->delivery, client->session);
}

static void fixture_on_drained(struct conn *conn)
{
    struct fixture_client *client = conn->state;

    delivery_drained(client->session->delivery, client->session);
}

static void fixture_on_nothing(struct conn *conn)
{
    (void)conn;
}

static void fixture_on_close(struct conn *conn)
{
    struct fixture_client *client = conn->state;

    session_close(client->session);
}

static void fixture_on_free(struct conn *conn)
{
    struct fixture_client *client = conn->state;

    session_free(&client->session);
    client->conn = NULL;
}

static const struct conn_protocol fixture_protocol = {
    .name = "fixture",
    .on_data = fixture_on_data,
    .on_eof = fixture_on_eof,
    .on_blocked = fixture_on_blocked,
    .on_progress = fixture_on_nothing,
    .on_drained = fixture_on_drained,
    .on_deadline = fixture_on_nothing,
    .on_goodbye = fixture_on_nothing,
    .on_close = fixture_on_close,
    .on_free = fixture_on_free,
};

static void fixture_on_gap(struct session *session, const struct room *room, uint64_t from,
                           uint64_t to)
{
    struct fixture_client *client = session->client;
    struct fixture_gap *gap = &client->gaps[client->gap_count++];

    ENSURE(client->gap_count <= ARRAY_LEN(client->gaps));
    snprintf(gap->room, sizeof(gap->room), "%s", room->name);
    gap->from = from;
    gap->to = to;
}

static void fixture_on_too_slow(struct session *session)
{
    struct fixture_client *client = session->client;

    client->told_too_slow = true;
    conn_close(client->conn, CLOSE_TOO_SLOW);
}

static const struct session_ops fixture_session_ops = {
    .gap = fixture_on_gap,
    .too_slow = fixture_on_too_slow,
};

/* As engine_polling.c does, but for the head. */
static ssize_t fixture_on_answer(struct session *session, struct refbuf *const *encodings,
                                 int count)
{
    ssize_t total = 0;

    for (int i = 0; i < count; i++) {
        ssize_t written = conn_write(session->conn, encodings[i]->data, encodings[i]->len);

        ENSURE(written == (ssize_t)encodings[i]->len); /* its buffer is large enough */
        total += written;
    }
    session_detach(session);
    return total;
}

static const struct session_ops fixture_polling_ops = {
    .gap = fixture_on_gap,
    .too_slow = fixture_on_too_slow,
    .answer = fixture_on_answer,
    .answered = session_detach,
};

static struct config *fixture_config(const char *options)
{
    char path[] = "/tmp/stentor-fixture-XXXXXX";
    int fd = mkstemp(path);
    struct strbuf mistakes = STRBUF_INIT;
    struct config *config;

    ENSURE(fd >= 0 && write(fd, options, strlen(options)) == (ssize_t)strlen(options));
    close(fd);
    config = config_load(path, NULL, &mistakes);
    unlink(path);
    ENSURE(config != NULL);
    strbuf_free(&mistakes);
    return config;
}

void fixture_open(struct fixture *fixture, const char *options)
{
    memset(fixture, 0, sizeof(*fixture));
    fixture->server.config = fixture_config(options);
    fixture->server.io_thread_count = 1;
    fixture->server.io_threads = &fixture->thread;
    fixture->head = 1000;
    ENSURE(io_thread_init(&fixture->thread, &fixture->server, 0, fixture->head) == 0);
}

void fixture_close(struct fixture *fixture)
{
    io_thread_destroy(&fixture->thread);
    config_unref(&fixture->server.config);
}

/* A connection between the two, and no session yet. */
static void fixture_open_conn(struct fixture *fixture, struct fixture_client *client, int buffer)
{
    struct accepted_conn accepted = {.peer = {.family = AF_UNIX}};
    int fds[2];

    memset(client, 0, sizeof(*client));
    ENSURE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    if (buffer > 0)
        setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    client->fd = fds[1];
    ws_reader_init(&client->reader);
    accepted.fd = fds[0];
    client->conn = conn_new(&fixture->thread, &accepted, &fixture_protocol);
    ENSURE(client->conn != NULL);
    client->conn->state = client;
}

void fixture_connect(struct fixture *fixture, struct fixture_client *client, uint64_t cursor,
                     int buffer)
{
    fixture_open_conn(fixture, client, buffer);
    client->session = session_new(&fixture->thread.delivery, client->conn, DIALECT_NATIVE,
                                  &fixture_session_ops, client, cursor);
    ENSURE(client->session != NULL);
}

void fixture_connect_polling(struct fixture *fixture, struct fixture_client *client,
                             uint64_t cursor)
{
    fixture_open_conn(fixture, client, 0);
    client->polling = true;
    client->session = session_new(&fixture->thread.delivery, NULL, DIALECT_POLLING,
                                  &fixture_polling_ops, client, cursor);
    ENSURE(client->session != NULL);
}

void fixture_disconnect(struct fixture_client *client)
{
    if (client->conn != NULL)
        conn_close(client->conn, CLOSE_PEER);
    ws_reader_free(&client->reader);
    close(client->fd);
}

void fixture_join_from(struct fixture_client *client, const char *room, uint64_t from)
{
    enum session_join_result result =
        session_join(client->session, 0, (struct span){room, strlen(room)}, from);

    ENSURE(result == SESSION_JOINED);
    delivery_catch_up(client->session->delivery, client->session);
}

void fixture_join(struct fixture_client *client, const char *room)
{
    fixture_join_from(client, room, journal_head(&client->session->delivery->journal));
}

void fixture_leave(struct fixture_client *client, const char *room)
{
    ENSURE(session_leave(client->session, 0, (struct span){room, strlen(room)}));
}

static size_t fixture_spans(const char *const *names, struct span *spans)
{
    size_t count = 0;

    for (; names != NULL && names[count] != NULL; count++)
        spans[count] = (struct span){names[count], strlen(names[count])};
    return count;
}

/* A message with the next seq and its encoding, as the broadcast stage would post it. */
static struct message *fixture_message(struct fixture *fixture, struct fixture_address address)
{
    struct delivery *delivery = &fixture->thread.delivery;
    struct span rooms[16], except[16];
    char *data = malloc(address.padding + 3);
    struct message *message;

    ENSURE(data != NULL);
    memset(data, 'x', address.padding + 2);
    data[0] = data[address.padding + 1] = '"';
    message = message_new(
        &(struct publication){
            .rooms = rooms,
            .room_count = fixture_spans(address.rooms, rooms),
            .except = except,
            .except_count = fixture_spans(address.except, except),
            .event = {"e", 1},
            .args = {data, address.padding + 2},
            .arg_count = 1,
            .key = {address.key, address.key != NULL ? strlen(address.key) : 0},
        },
        1);
    free(data);
    ENSURE(message != NULL);
    message->seq = fixture->head += 1 + fixture->holes;
    message->time_ms = clock_ms();
    ENSURE(message_encoding(message, DIALECT_NATIVE, &delivery->encoder) != NULL);
    message->cost = message_size(message);
    return message;
}

uint64_t fixture_accept(struct fixture *fixture, struct fixture_address address)
{
    delivery_accept(&fixture->thread.delivery, fixture_message(fixture, address));
    return fixture->head;
}

uint64_t fixture_receive(struct fixture *fixture, struct fixture_address address)
{
    struct message *message = fixture_message(fixture, address);

    message->mails[0].message = message;
    delivery_receive(&fixture->thread.delivery, &message->mails[0]);
    return fixture->head;
}

uint64_t fixture_publish(struct fixture *fixture, const char *room)
{
    const char *rooms[] = {room, NULL};
    uint64_t seq = fixture_accept(fixture, (struct fixture_address){.rooms = rooms});

    fixture_run(fixture);
    return seq;
}

void fixture_run(struct fixture *fixture)
{
    struct delivery *delivery = &fixture->thread.delivery;

    do {
        delivery_run(delivery);
        event_base_loop(fixture->thread.stage.base, EVLOOP_NONBLOCK);
    } while (delivery->fanout_count > 0 || !TAILQ_EMPTY(&delivery->owed));
}

static int fixture_on_message(void *arg, enum ws_opcode opcode, const uint8_t *payload, size_t len)
{
    struct fixture_client *client = arg;
    struct span seq;

    (void)opcode;
    ENSURE(json_object_find((struct span){(const char *)payload, len}, "seq", &seq));
    ENSURE(client->seen_count < FIXTURE_MAX_SEEN);
    client->seen[client->seen_count++] = strtoull(seq.ptr, NULL, 10);
    return 0;
}

static void fixture_read_frames(struct fixture *fixture, struct fixture_client *client)
{
    const struct ws_reader_config config = {.max_message = 1 << 24};
    uint8_t buffer[65536];
    ssize_t n;

    while ((n = recv(client->fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
        ENSURE(ws_reader_feed(&client->reader, &config, buffer, (size_t)n, fixture_on_message,
                              client) == 0);
        fixture_run(fixture); /* the server may have been waiting for room */
    }
}

/* Takes the seqs from the ends of the events: ["e","...","SEQ"]. */
static void fixture_take_events(struct fixture_client *client, char *text, size_t len)
{
    char *end = text;

    text[len] = '\0';
    while ((end = strstr(end, "\"]")) != NULL) {
        const char *seq = end;
        while (seq[-1] >= '0' && seq[-1] <= '9')
            seq--;
        ENSURE(client->seen_count < FIXTURE_MAX_SEEN);
        client->seen[client->seen_count++] = strtoull(seq, NULL, 10);
        end++;
    }
}

/* Reads one answer: whether the rest of a larger one is still to come shows at its end. */
static bool fixture_read_answer(struct fixture_client *client)
{
    static char buffer[1 << 20];
    size_t len = 0;
    ssize_t n;

    while ((n = recv(client->fd, buffer + len, sizeof(buffer) - 1 - len, MSG_DONTWAIT)) > 0)
        len += (size_t)n;
    fixture_take_events(client, buffer, len);
    return len > 0;
}

static void fixture_read_polls(struct fixture *fixture, struct fixture_client *client)
{
    do {
        if (!session_is_attached(client->session) && !session_is_gone(client->session))
            session_attach(client->session, client->conn, poll_response_answer(0, true));
        fixture_run(fixture);
    } while (fixture_read_answer(client));
}

void fixture_read(struct fixture *fixture, struct fixture_client *client)
{
    if (client->polling)
        fixture_read_polls(fixture, client);
    else
        fixture_read_frames(fixture, client);
}
