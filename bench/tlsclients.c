/*
 * tlsclients - clients for measurements of TLS.
 *
 *   tlsclients [-n CLIENTS] [-w AT_ONCE] [-d SECONDS | -c COUNT] [-k] [-p] [-2] HOST:PORT
 *
 * So many connections at a time shake hands, ask for nothing, end, and are followed by others,
 * until the time is over or the count is reached: a storm of full handshakes. With -k they stay
 * instead: each becomes a WebSocket, of which so many connect at once (-w), and all read what comes
 * until the program is ended. How late a message came is counted if it has a member "t" with the
 * monotonic time of its publishing in nanoseconds; SIGUSR1 begins anew. -p: without TLS; -2: TLS
 * 1.2. Sessions are not resumed, and the server is not verified. At the end one line of JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stentor/base/clock.h"
#include "stentor/base/histogram.h"

enum { TLSCLIENTS_EVENTS = 256 };

static const char request[] = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                              "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

struct client {
    int fd;   /* -1: it has ended */
    SSL *ssl; /* NULL: plain */
    uint64_t begun_ns;
    bool shaken;
};

static struct {
    struct sockaddr_in address;
    SSL_CTX *ctx;
    int epoll;
    int clients;
    int at_once;
    long count; /* 0: until the time is over */
    double seconds;
    bool keep;
    bool plain;
    long begun;
    long done;
    long failed;
} run = {.clients = 100, .at_once = 100, .seconds = 5};

static struct histogram handshakes, delays;
static volatile sig_atomic_t ended, again;

static void on_signal(int number)
{
    if (number == SIGUSR1)
        again = 1;
    else
        ended = 1;
}

static void client_open(struct client *client)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = client};
    const struct sockaddr *address = (const struct sockaddr *)&run.address;
    int on = 1;

    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0 ||
        (connect(client->fd, address, sizeof(run.address)) < 0 && errno != EINPROGRESS)) {
        perror("tlsclients: connect");
        exit(1);
    }
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (!run.plain) {
        client->ssl = SSL_new(run.ctx);
        SSL_set_fd(client->ssl, client->fd);
        SSL_set_connect_state(client->ssl);
    }
    client->begun_ns = clock_ns();
    client->shaken = false;
    run.begun++;
    epoll_ctl(run.epoll, EPOLL_CTL_ADD, client->fd, &event);
}

/* With a reset: hundreds of thousands of connections would be left in TIME_WAIT. */
static void client_end(struct client *client)
{
    const struct linger reset = {1, 0};

    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    SSL_free(client->ssl);
    client->ssl = NULL;
    close(client->fd);
    client->fd = -1;
    ERR_clear_error();
}

static void client_fail(struct client *client)
{
    run.failed++;
    client_end(client);
}

static ssize_t client_read(struct client *client, void *data, size_t size)
{
    int n, error;

    if (client->ssl == NULL)
        return recv(client->fd, data, size, 0);
    n = SSL_read(client->ssl, data, (int)size);
    error = n > 0 ? SSL_ERROR_NONE : SSL_get_error(client->ssl, n);
    errno = EAGAIN;
    return n > 0 ? n : error == SSL_ERROR_WANT_READ ? -1 : 0;
}

/* Messages are small and come whole, or else one of them is not counted. */
static void client_take(const char *data, uint64_t now_ns)
{
    const char *at = data;

    while ((at = strstr(at, "\"t\":")) != NULL) {
        uint64_t then_ns = strtoull(at + 4, NULL, 10);

        if (then_ns > 0 && then_ns < now_ns)
            histogram_record(&delays, now_ns - then_ns);
        at += 4;
    }
}

static void client_receive(struct client *client)
{
    char data[16384];
    ssize_t n;

    while ((n = client_read(client, data, sizeof(data) - 1)) > 0) {
        for (ssize_t i = 0; i < n; i++) /* frames' heads may have NULs in them */
            if (data[i] == '\0')
                data[i] = ' ';
        data[n] = '\0';
        client_take(data, clock_ns());
    }
    if (n == 0 || errno != EAGAIN)
        client_fail(client);
}

static void client_shaken(struct client *client)
{
    client->shaken = true;
    run.done++;
    histogram_record(&handshakes, clock_ns() - client->begun_ns);
    if (!run.keep)
        client_end(client);
    else if (client->ssl != NULL)
        SSL_write(client->ssl, request, sizeof(request) - 1);
    else if (send(client->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
        client_fail(client);
}

static void client_shake(struct client *client)
{
    int result = client->ssl != NULL ? SSL_do_handshake(client->ssl) : 1;
    int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(client->ssl, result);

    if (result == 1)
        client_shaken(client);
    else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        client_fail(client);
}

static bool goes_on(void)
{
    return !ended && !run.keep && (run.count == 0 || run.begun < run.count);
}

static void turn(void)
{
    struct epoll_event events[TLSCLIENTS_EVENTS];
    int n = epoll_wait(run.epoll, events, TLSCLIENTS_EVENTS, 100);

    for (int i = 0; i < n; i++) {
        struct client *client = events[i].data.ptr;

        if (client->fd < 0)
            continue;
        if (client->shaken)
            client_receive(client);
        else
            client_shake(client);
        if (client->fd < 0 && goes_on())
            client_open(client);
    }
    if (again)
        histogram_init(&delays);
    again = 0;
}

static bool is_over(uint64_t end_ns)
{
    if (ended)
        return true;
    if (run.keep)
        return false;
    return run.count > 0 ? run.done + run.failed >= run.count : clock_ns() > end_ns;
}

static void NORETURN usage(void)
{
    fputs("usage: tlsclients [-n CLIENTS] [-w AT_ONCE] [-d SECONDS | -c COUNT] [-k] [-p] [-2] "
          "HOST:PORT\n",
          stderr);
    exit(2);
}

static void parse(int argc, char **argv)
{
    char host[64];
    int option, port;

    while ((option = getopt(argc, argv, "n:w:d:c:kp2")) != -1) {
        switch (option) {
        case 'n':
            run.clients = atoi(optarg);
            break;
        case 'w':
            run.at_once = atoi(optarg);
            break;
        case 'd':
            run.seconds = atof(optarg);
            break;
        case 'c':
            run.count = atol(optarg);
            break;
        case 'k':
            run.keep = true;
            break;
        case 'p':
            run.plain = true;
            break;
        case '2':
            SSL_CTX_set_max_proto_version(run.ctx, TLS1_2_VERSION);
            break;
        default:
            usage();
        }
    }
    if (optind + 1 != argc || run.clients < 1 ||
        sscanf(argv[optind], "%63[0-9.]:%d", host, &port) != 2 ||
        inet_pton(AF_INET, host, &run.address.sin_addr) != 1)
        usage();
    run.address.sin_family = AF_INET;
    run.address.sin_port = htons((uint16_t)port);
}

static void print_result(double seconds)
{
    printf("{\"handshakes\":%ld,\"failed\":%ld,\"seconds\":%.3f,\"per_second\":%.1f,"
           "\"handshake_p50_ms\":%.2f,\"handshake_p99_ms\":%.2f,\"messages\":%llu,"
           "\"delay_mean_ms\":%.3f,\"delay_p50_ms\":%.3f,\"delay_p99_ms\":%.3f,"
           "\"delay_max_ms\":%.3f}\n",
           run.done, run.failed, seconds, (double)run.done / seconds,
           (double)histogram_quantile(&handshakes, 0.5) / 1e6,
           (double)histogram_quantile(&handshakes, 0.99) / 1e6, (unsigned long long)delays.count,
           histogram_mean(&delays) / 1e6, (double)histogram_quantile(&delays, 0.5) / 1e6,
           (double)histogram_quantile(&delays, 0.99) / 1e6, (double)delays.max / 1e6);
}

int main(int argc, char **argv)
{
    struct client *clients;
    uint64_t begun_ns;

    run.ctx = SSL_CTX_new(TLS_client_method());
    parse(argc, argv);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    signal(SIGUSR1, on_signal);
    histogram_init(&handshakes);
    histogram_init(&delays);
    SSL_CTX_set_mode(run.ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(run.ctx, SSL_SESS_CACHE_OFF);
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    clients = calloc((size_t)run.clients, sizeof(*clients));
    if (clients == NULL || run.epoll < 0)
        return 1;
    begun_ns = clock_ns();
    for (int i = 0; i < run.clients && !ended; i++) {
        client_open(&clients[i]);
        while (run.keep && run.begun - run.done - run.failed >= run.at_once && !ended)
            turn();
    }
    while (!is_over(begun_ns + (uint64_t)(run.seconds * 1e9)))
        turn();
    print_result((double)(clock_ns() - begun_ns) / 1e9);
    return run.failed > 0;
}
