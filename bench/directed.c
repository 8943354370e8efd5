/*
 * directed - clients that send to each other: is each message there exactly once, and when?
 *
 * One thread and one epoll hold all clients, natively over WebSocket. Some of them, the active
 * ones, send to a random other client at a steady interval; the rest is idle, and may be sent to or
 * not. A message carries its number and the time at which it left; whoever gets it looks whether it
 * was for him. At the same time a publisher may broadcast to some of the clients. The result is one
 * JSON object on stdout.
 */
#define _GNU_SOURCE /* memmem */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stentor/base/clock.h"
#include "stentor/base/histogram.h"

enum {
    DIRECTED_EVENTS = 512,
    DIRECTED_CONNECTING = 200, /* at a time */
    DIRECTED_ID = 22,
    DIRECTED_BUFFER = 1024, /* a frame that is not there in whole */
    DIRECTED_READ = 65536,
    DIRECTED_DRAIN_MS = 3000,
};

struct client {
    int fd;
    bool joined; /* its hello has come */
    char id[DIRECTED_ID + 1];
    size_t kept;
    uint8_t buffer[DIRECTED_BUFFER];
};

struct sending {
    uint32_t to;
    uint8_t arrivals;
};

static struct {
    /* What is asked for. */
    struct sockaddr_in server, admin;
    unsigned clients, active, interval_ms, seconds, members, rate;
    bool among; /* active clients send to active ones only */
    /* What there is. */
    int epoll, publisher;
    struct client *all;
    unsigned begun, ready;
    uint32_t *order; /* active clients, by the time within the interval at which they send */
    uint64_t *phases_ns;
    struct sending *sendings;
    uint32_t sending_count, sending_capacity;
    uint64_t acks, errors, wrong, doubled, broadcasts, published;
    struct histogram latency, broadcast_latency;
} run;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* --- Frames */

/* A text frame, masked by zeros. */
static void send_text(const struct client *client, const char *text, size_t len)
{
    uint8_t frame[512] = {0x81};
    size_t head = 2;

    if (len < 126) {
        frame[1] = (uint8_t)(0x80 | len);
    } else {
        frame[1] = 0x80 | 126;
        frame[head++] = (uint8_t)(len >> 8);
        frame[head++] = (uint8_t)len;
    }
    head += 4; /* the mask */
    memcpy(frame + head, text, len);
    if (send(client->fd, frame, head + len, MSG_NOSIGNAL) != (ssize_t)(head + len))
        die("send");
}

/* The digits behind `name` in the text; 0 without them. */
static uint64_t number_behind(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static void on_directed(const struct client *client, const char *text)
{
    uint64_t number = number_behind(text, "\"n\":"), left = number_behind(text, "\"t\":");
    struct sending *sending;

    if (number >= run.sending_count || &run.all[run.sendings[number].to] != client) {
        run.wrong++;
        return;
    }
    sending = &run.sendings[number];
    if (sending->arrivals++ > 0)
        run.doubled++;
    histogram_record(&run.latency, clock_ns() - left);
}

static void on_text(struct client *client, char *text)
{
    const char *type = text + strlen("{\"type\":\"");

    if (strncmp(type, "directed", 8) == 0) {
        on_directed(client, text);
    } else if (strncmp(type, "ack", 3) == 0) {
        run.acks++;
    } else if (strncmp(type, "message", 7) == 0) {
        run.broadcasts++;
        histogram_record(&run.broadcast_latency, clock_ns() - number_behind(text, "\"t\":"));
    } else if (strncmp(type, "hello", 5) == 0) {
        memcpy(client->id, strstr(text, "session\":\"") + strlen("session\":\""), DIRECTED_ID);
        client->joined = true;
        run.ready++;
    } else if (strncmp(type, "error", 5) == 0) {
        run.errors++;
        fprintf(stderr, "%s\n", text);
    }
}

/* Takes whole frames off the front; returns how many bytes that were. */
static size_t take_frames(struct client *client, uint8_t *data, size_t len)
{
    size_t used = 0;

    for (;;) {
        uint8_t *frame = data + used;
        size_t left = len - used, head = 2, size;

        if (left < head)
            return used;
        size = frame[1] & 0x7f;
        if (size == 126) {
            head = 4;
            if (left < head)
                return used;
            size = (size_t)frame[2] << 8 | frame[3];
        }
        if (left < head + size)
            return used;
        if ((frame[0] & 0x0f) == 9) { /* a ping: the pong may be without payload */
            static const uint8_t pong[] = {0x8a, 0x80, 0, 0, 0, 0};
            if (send(client->fd, pong, sizeof(pong), MSG_NOSIGNAL) < 0)
                die("pong");
        } else {
            uint8_t saved = frame[head + size];
            frame[head + size] = '\0';
            on_text(client, (char *)frame + head);
            frame[head + size] = saved;
        }
        used += head + size;
    }
}

static void on_data(struct client *client)
{
    static uint8_t data[DIRECTED_BUFFER + DIRECTED_READ + 1];
    uint8_t *start = data;
    ssize_t n;

    memcpy(data, client->buffer, client->kept);
    n = recv(client->fd, data + client->kept, DIRECTED_READ, MSG_DONTWAIT);
    if (n <= 0) {
        if (n < 0 && errno == EAGAIN)
            return;
        fprintf(stderr, "the server closed a connection\n");
        exit(1);
    }
    size_t len = client->kept + (size_t)n;
    if (!client->joined) { /* the answer to the handshake, and the hello behind it */
        uint8_t *end = memmem(data, len, "\r\n\r\n", 4);
        if (end != NULL && memcmp(data, "HTTP/1.1 101", 12) != 0) {
            fprintf(stderr, "refused: %.*s\n", (int)len, (char *)data);
            exit(1);
        }
        if (end != NULL) {
            start = end + 4;
            len -= (size_t)(start - data);
        } else if (len > 0 && data[0] == 'H') {
            start = data + len;
            len = 0;
        }
    }
    size_t used = take_frames(client, start, len);
    client->kept = len - used;
    if (client->kept > DIRECTED_BUFFER)
        die("a frame too large");
    memcpy(client->buffer, start + used, client->kept);
}

/* --- Connecting */

static void connect_one(struct client *client, unsigned index)
{
    char request[256];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    int one = 1;

    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 ||
        connect(client->fd, (struct sockaddr *)&run.server, sizeof(run.server)) < 0)
        die("connect");
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    int len = snprintf(request, sizeof(request),
                       "GET /ws%s HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\n"
                       "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                       index < run.members ? "?room=crowd" : "");
    if (send(client->fd, request, (size_t)len, MSG_NOSIGNAL) != len)
        die("send");
    epoll_ctl(run.epoll, EPOLL_CTL_ADD, client->fd, &event);
}

static void turn(int timeout_ms)
{
    struct epoll_event events[DIRECTED_EVENTS];
    int n = epoll_wait(run.epoll, events, DIRECTED_EVENTS, timeout_ms);

    for (int i = 0; i < n; i++)
        on_data(events[i].data.ptr);
}

static void connect_all(void)
{
    while (run.ready < run.clients) {
        while (run.begun < run.clients && run.begun - run.ready < DIRECTED_CONNECTING) {
            connect_one(&run.all[run.begun], run.begun);
            run.begun++;
        }
        turn(100);
    }
}

/* Waits for a line, and answers heartbeats meanwhile; false when there will be none. */
static bool await_line(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

    while (poll(&input, 1, 0) == 0)
        turn(10);
    return getchar() != EOF;
}

/* --- The publisher: one request after the other on an admin connection, without waiting */

static void publisher_open(void)
{
    if (run.rate == 0)
        return;
    run.publisher = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(run.publisher, (struct sockaddr *)&run.admin, sizeof(run.admin)) < 0)
        die("connect to the admin listener");
}

static void publish(void)
{
    char body[200], request[400];
    int len = snprintf(body, sizeof(body), "{\"t\":%llu,\"text\":\"%0100d\"}",
                       (unsigned long long)clock_ns(), 0);

    len =
        snprintf(request, sizeof(request),
                 "POST /publish/crowd/tick HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%s",
                 len, body);
    if (send(run.publisher, request, (size_t)len, MSG_NOSIGNAL) != len)
        die("publish");
    while (recv(run.publisher, request, sizeof(request), MSG_DONTWAIT) > 0)
        continue;
    run.published++;
}

/* --- Sending */

static int compare_phases(const void *a, const void *b)
{
    uint64_t x = run.phases_ns[*(const uint32_t *)a], y = run.phases_ns[*(const uint32_t *)b];

    return x < y ? -1 : x > y;
}

/* Each active client gets a moment of its own in the interval. */
static void spread(void)
{
    uint64_t interval_ns = (uint64_t)run.interval_ms * 1000000;

    run.order = calloc(run.active, sizeof(*run.order));
    run.phases_ns = calloc(run.active, sizeof(*run.phases_ns));
    run.sending_capacity = run.active * (run.seconds * 1000 / run.interval_ms + 2);
    run.sendings = calloc(run.sending_capacity, sizeof(*run.sendings));
    if (run.order == NULL || run.phases_ns == NULL || run.sendings == NULL)
        die("memory");
    for (uint32_t i = 0; i < run.active; i++) {
        run.order[i] = i;
        run.phases_ns[i] = (uint64_t)(drand48() * (double)interval_ns);
    }
    qsort(run.order, run.active, sizeof(*run.order), compare_phases);
}

static void send_one(uint32_t from)
{
    uint32_t others = run.among ? run.active : run.clients;
    uint32_t to = (uint32_t)(drand48() * (others - 1));
    char text[256];

    if (run.sending_count == run.sending_capacity)
        return;
    to += to >= from; /* anybody but itself */
    int len = snprintf(text, sizeof(text),
                       "{\"type\":\"send\",\"to\":\"%s\",\"event\":\"sprite\",\"data\":{\"n\":%u,"
                       "\"t\":%llu,\"text\":\"0123456789abcdef\"}}",
                       run.all[to].id, run.sending_count, (unsigned long long)clock_ns());
    run.sendings[run.sending_count++].to = to;
    send_text(&run.all[from], text, (size_t)len);
}

static void measure(void)
{
    uint64_t begin = clock_ns(), end = begin + run.seconds * 1000000000ull, round = 0;
    uint64_t interval_ns = (uint64_t)run.interval_ms * 1000000, next_publish = begin;
    uint32_t next = 0;

    for (;;) {
        uint64_t now = clock_ns();

        if (now >= end)
            break;
        while (run.active > 0 &&
               begin + round * interval_ns + run.phases_ns[run.order[next]] <= now) {
            send_one(run.order[next]);
            if (++next == run.active) {
                next = 0;
                round++;
            }
        }
        if (run.rate > 0 && now >= next_publish) {
            publish();
            next_publish += 1000000000ull / run.rate;
        }
        turn(1);
    }
    for (uint64_t drain = clock_ms() + DIRECTED_DRAIN_MS; clock_ms() < drain;)
        turn(10);
}

/* --- Result */

static double ms(const struct histogram *histogram, double q)
{
    return (double)histogram_quantile(histogram, q) / 1e6;
}

static void report(void)
{
    uint32_t lost = 0;

    for (uint32_t i = 0; i < run.sending_count; i++)
        lost += run.sendings[i].arrivals == 0;
    printf("{\"clients\":%u,\"active\":%u,\"interval_ms\":%u,\"seconds\":%u,\"sent\":%u,"
           "\"acks\":%llu,\"errors\":%llu,\"lost\":%u,\"doubled\":%llu,\"wrong\":%llu,"
           "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"max_ms\":%.3f,"
           "\"published\":%llu,\"broadcasts\":%llu,\"broadcast_p50_ms\":%.3f,"
           "\"broadcast_p99_ms\":%.3f}\n",
           run.clients, run.active, run.interval_ms, run.seconds, run.sending_count,
           (unsigned long long)run.acks, (unsigned long long)run.errors, lost,
           (unsigned long long)run.doubled, (unsigned long long)run.wrong, ms(&run.latency, 0.5),
           ms(&run.latency, 0.99), ms(&run.latency, 0.999), ms(&run.latency, 1),
           (unsigned long long)run.published, (unsigned long long)run.broadcasts,
           ms(&run.broadcast_latency, 0.5), ms(&run.broadcast_latency, 0.99));
}

static bool read_address(const char *text, struct sockaddr_in *address)
{
    char host[64];
    unsigned port;

    memset(address, 0, sizeof(*address));
    address->sin_family = AF_INET;
    if (sscanf(text, "%63[^:]:%u", host, &port) != 2)
        return false;
    address->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

static void usage(void)
{
    fputs("usage: directed -c CLIENTS -a ACTIVE -i INTERVAL_MS -s SECONDS [-n]\n"
          "                [-m MEMBERS -r BROADCASTS_PER_SECOND -p ADMIN] SERVER\n",
          stderr);
    exit(2);
}

static void read_options(int argc, char **argv)
{
    int option;

    run.admin.sin_family = AF_INET;
    while ((option = getopt(argc, argv, "c:a:i:s:m:r:p:n")) != -1) {
        unsigned value = optarg != NULL ? (unsigned)strtoul(optarg, NULL, 10) : 0;

        switch (option) {
        case 'c':
            run.clients = value;
            break;
        case 'a':
            run.active = value;
            break;
        case 'i':
            run.interval_ms = value;
            break;
        case 's':
            run.seconds = value;
            break;
        case 'm':
            run.members = value;
            break;
        case 'r':
            run.rate = value;
            break;
        case 'n':
            run.among = true;
            break;
        case 'p':
            if (!read_address(optarg, &run.admin))
                usage();
            break;
        default:
            usage();
        }
    }
    if (optind + 1 != argc || !read_address(argv[optind], &run.server) || run.clients < 2 ||
        run.active > run.clients || run.interval_ms == 0 || run.seconds == 0)
        usage();
}

int main(int argc, char **argv)
{
    struct rlimit files;

    read_options(argc, argv);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    srand48(1);
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    run.all = calloc(run.clients, sizeof(*run.all));
    if (run.epoll < 0 || run.all == NULL)
        die("memory");
    histogram_init(&run.latency);
    histogram_init(&run.broadcast_latency);
    spread();
    connect_all();
    publisher_open();
    fprintf(stderr, "connected\n");
    if (!await_line()) /* whoever reads the server's counters says when to begin */
        return 1;
    measure();
    report();
    return 0;
}
