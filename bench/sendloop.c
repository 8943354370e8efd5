/*
 * sendloop - the yardstick for fan-out: the least that a server can do.
 *
 * One thread and one epoll. Clients connect with a WebSocket handshake on any path; the body of
 * `POST /publish/ROOM/EVENT` on the same port goes to all of them, in the frame that stentord's
 * native protocol would use, with one send() for each. No rooms, no journal, no timers, no limits:
 * what stentord costs above this is the price of those.
 */
#define _GNU_SOURCE /* accept4 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stentor/base/clock.h"
#include "stentor/base/log.h"
#include "stentor/wire/http.h"
#include "stentor/wire/native.h"
#include "stentor/wire/websocket.h"

enum {
    SENDLOOP_EVENTS = 512,
    SENDLOOP_READ_SIZE = 65536,
    SENDLOOP_MAX_BODY = 1 << 20,
    SENDLOOP_MAX_MESSAGE = 65536, /* of a client */
    SENDLOOP_MAX_PENDING = 64 << 20,
    SENDLOOP_STOPPED = 1,
};

struct conn {
    int fd;
    size_t index; /* in sendloop.clients, when it is a WebSocket */
    bool websocket;
    struct http_message *request; /* while one is being read */
    struct ws_reader reader;
    struct strbuf pending; /* what the socket did not take */
};

static struct {
    int epoll;
    struct conn **clients;
    size_t count;
    size_t capacity;
    uint64_t seq;
    struct strbuf frame; /* of the broadcast that is going on */
} sendloop;

static void conn_want(struct conn *conn, uint32_t events, int op)
{
    struct epoll_event event = {.events = events, .data.ptr = conn};

    epoll_ctl(sendloop.epoll, op, conn->fd, &event);
}

/* Ends the connection later, through its event: an array that is being walked stays as it is. */
static void conn_abort(struct conn *conn)
{
    shutdown(conn->fd, SHUT_RDWR);
}

static void conn_free_request(struct conn *conn)
{
    if (conn->request != NULL)
        http_message_free(conn->request);
    free(conn->request);
    conn->request = NULL;
}

static void conn_close(struct conn *conn)
{
    if (conn->websocket) {
        struct conn *last = sendloop.clients[--sendloop.count];

        sendloop.clients[conn->index] = last;
        last->index = conn->index;
    }
    close(conn->fd);
    conn_free_request(conn);
    ws_reader_free(&conn->reader);
    strbuf_free(&conn->pending);
    free(conn);
}

/* The whole delivery path: one send, and a queue for what a full socket leaves. */
static void conn_send(struct conn *conn, const char *data, size_t len)
{
    ssize_t n = 0;

    if (conn->pending.len == 0)
        n = send(conn->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n == (ssize_t)len)
        return;
    if (n < 0 && errno != EAGAIN) {
        conn_abort(conn);
        return;
    }
    if (n < 0)
        n = 0;
    if (conn->pending.len == 0)
        conn_want(conn, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    strbuf_append(&conn->pending, data + n, len - (size_t)n);
    if (conn->pending.failed || conn->pending.len > SENDLOOP_MAX_PENDING)
        conn_abort(conn);
}

static void conn_on_writable(struct conn *conn)
{
    ssize_t n = send(conn->fd, conn->pending.data, conn->pending.len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0 && errno != EAGAIN)
        conn_abort(conn);
    if (n > 0)
        strbuf_consume(&conn->pending, (size_t)n);
    if (conn->pending.len == 0) {
        strbuf_free(&conn->pending);
        conn_want(conn, EPOLLIN, EPOLL_CTL_MOD);
    }
}

static void conn_answer(struct conn *conn, int status, const char *body)
{
    struct strbuf out = STRBUF_INIT;

    http_append_head(&out, status, "Content-Type: application/json\r\n", strlen(body), true);
    strbuf_append_str(&out, body);
    conn_send(conn, out.data, out.len);
    strbuf_free(&out);
}

static void broadcast(struct span event, const struct strbuf *body)
{
    static const struct span everyone = {"null", 4};
    struct span data = body->len > 0 ? (struct span){body->data, body->len} : everyone;
    struct strbuf text = STRBUF_INIT;

    native_append_message(&text, ++sendloop.seq, everyone, event.ptr, event.len, data, 1);
    strbuf_clear(&sendloop.frame);
    ws_append_frame(&sendloop.frame, WS_TEXT, false, text.data, text.len);
    strbuf_free(&text);
    if (sendloop.frame.failed)
        return;
    for (size_t i = 0; i < sendloop.count; i++)
        conn_send(sendloop.clients[i], sendloop.frame.data, sendloop.frame.len);
}

static void conn_on_publish(struct conn *conn)
{
    struct span path, query, event;
    char answer[96];

    http_split_target(conn->request, &path, &query);
    if (path.len < 9 || memcmp(path.ptr, "/publish/", 9) != 0) {
        conn_answer(conn, 404,
                    "{\"error\":\"not_found\",\"message\":\"POST /publish/ROOM/EVENT\"}");
        return;
    }
    event = (struct span){path.ptr + path.len, 0};
    while (event.ptr[-1] != '/') {
        event.ptr--;
        event.len++;
    }
    broadcast(event, &conn->request->body);
    snprintf(answer, sizeof(answer), "{\"seq\":%llu,\"clients\":%zu}",
             (unsigned long long)sendloop.seq, sendloop.count);
    conn_answer(conn, 200, answer);
}

static bool clients_add(struct conn *conn)
{
    if (sendloop.count == sendloop.capacity) {
        size_t capacity = sendloop.capacity != 0 ? sendloop.capacity * 2 : 1024;
        struct conn **clients = realloc(sendloop.clients, capacity * sizeof(struct conn *));

        if (clients == NULL)
            return false;
        sendloop.clients = clients;
        sendloop.capacity = capacity;
    }
    conn->index = sendloop.count;
    conn->websocket = true;
    sendloop.clients[sendloop.count++] = conn;
    return true;
}

static void conn_on_upgrade(struct conn *conn, struct span key)
{
    struct strbuf out = STRBUF_INIT, hello = STRBUF_INIT;
    char accept[WS_ACCEPT_LEN + 1];

    ws_accept_key(key.ptr, key.len, accept);
    strbuf_printf(&out,
                  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
                  accept);
    if (http_header_has_token(conn->request, "sec-websocket-protocol", NATIVE_SUBPROTOCOL))
        strbuf_append_str(&out, "Sec-WebSocket-Protocol: " NATIVE_SUBPROTOCOL "\r\n");
    strbuf_append_str(&out, "\r\n");
    native_append_hello(&hello, "sendloop", "/", sendloop.seq);
    ws_append_frame(&out, WS_TEXT, false, hello.data, hello.len);
    if (out.failed || !clients_add(conn))
        conn_abort(conn);
    else
        conn_send(conn, out.data, out.len);
    strbuf_free(&out);
    strbuf_free(&hello);
}

static int conn_on_message(void *arg, enum ws_opcode opcode, const uint8_t *payload, size_t len)
{
    struct conn *conn = arg;
    struct strbuf out = STRBUF_INIT;

    if (opcode == WS_PING || opcode == WS_CLOSE) {
        ws_append_frame(&out, opcode == WS_PING ? WS_PONG : WS_CLOSE, false, payload, len);
        conn_send(conn, out.data, out.len);
        strbuf_free(&out);
    }
    return opcode == WS_CLOSE ? SENDLOOP_STOPPED : 0;
}

static bool conn_feed_websocket(struct conn *conn, uint8_t *data, size_t len)
{
    static const struct ws_reader_config config = {.max_message = SENDLOOP_MAX_MESSAGE,
                                                   .from_client = true};

    return ws_reader_feed(&conn->reader, &config, data, len, conn_on_message, conn) == 0;
}

static bool conn_open_request(struct conn *conn)
{
    static const struct http_limits limits = {4096, 16384, SENDLOOP_MAX_BODY};

    conn->request = malloc(sizeof(*conn->request));
    if (conn->request == NULL)
        return false;
    http_message_init(conn->request, HTTP_KIND_REQUEST, &limits);
    return true;
}

/* Reads requests until one turns the connection into a WebSocket. False: the connection is over. */
static bool conn_feed_http(struct conn *conn, uint8_t *data, size_t len)
{
    size_t pos = 0, used;
    struct span key;

    while (pos < len && !conn->websocket) {
        enum http_result result;

        if (conn->request == NULL && !conn_open_request(conn))
            return false;
        do {
            result = http_message_feed(conn->request, data + pos, len - pos, &used);
            pos += used;
        } while (result == HTTP_HEAD_DONE);
        if (result == HTTP_FAILED)
            return false;
        if (result == HTTP_MORE)
            return true;
        if (http_header(conn->request, "sec-websocket-key", &key) && ws_key_valid(key.ptr, key.len))
            conn_on_upgrade(conn, key);
        else
            conn_on_publish(conn);
        conn_free_request(conn);
    }
    return pos == len || conn_feed_websocket(conn, data + pos, len - pos);
}

static void conn_on_readable(struct conn *conn)
{
    static uint8_t data[SENDLOOP_READ_SIZE];
    ssize_t n = recv(conn->fd, data, sizeof(data), MSG_DONTWAIT);
    bool alive;

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        alive = false;
    else if (conn->websocket)
        alive = conn_feed_websocket(conn, data, (size_t)n);
    else
        alive = conn_feed_http(conn, data, (size_t)n);
    if (!alive)
        conn_close(conn);
}

static void accept_all(int listener)
{
    int fd, one = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *conn = calloc(1, sizeof(*conn));

        if (conn == NULL) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        conn->fd = fd;
        ws_reader_init(&conn->reader);
        conn_want(conn, EPOLLIN, EPOLL_CTL_ADD);
    }
}

static void run(int listener)
{
    struct epoll_event events[SENDLOOP_EVENTS];
    struct epoll_event accepting = {.events = EPOLLIN, .data.ptr = NULL};

    epoll_ctl(sendloop.epoll, EPOLL_CTL_ADD, listener, &accepting);
    for (;;) {
        int n = epoll_wait(sendloop.epoll, events, SENDLOOP_EVENTS, -1);

        for (int i = 0; i < n; i++) {
            struct conn *conn = events[i].data.ptr;

            if (conn == NULL) {
                accept_all(listener);
                continue;
            }
            if (events[i].events & EPOLLOUT)
                conn_on_writable(conn);
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                conn_on_readable(conn);
        }
    }
}

static int open_listener(const char *host, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0 || inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        log_error("listen", "%s:%u: %s", host, port, strerror(errno));
        return -1;
    }
    log_info("listen", "clients on %s:%u", host, ntohs(address.sin_port));
    return fd;
}

int main(int argc, char **argv)
{
    unsigned long port = 0;
    struct rlimit files;
    int listener;

    if (argc > 3 || (argc > 1 && (port = strtoul(argv[1], NULL, 10)) > UINT16_MAX)) {
        fprintf(stderr, "usage: sendloop [PORT [ADDRESS]]\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    sendloop.seq = clock_wall_us();
    sendloop.epoll = epoll_create1(EPOLL_CLOEXEC);
    listener = open_listener(argc > 2 ? argv[2] : "127.0.0.1", (uint16_t)port);
    if (listener < 0 || sendloop.epoll < 0)
        return 1;
    run(listener);
    return 0;
}
