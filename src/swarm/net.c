#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Few enough that the kernel finds a free port at once, and that memory for addresses is nothing.
 */
enum { NET_CLIENTS_PER_SOURCE = 1000 };

static void net_copy(struct net_address *address, const struct addrinfo *info)
{
    memcpy(&address->u, info->ai_addr, info->ai_addrlen);
    address->len = info->ai_addrlen;
}

static bool net_lookup(const char *host, const char *port, int flags, struct net_address *address)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list, *chosen = NULL;

    hints.ai_flags = flags;
    if (getaddrinfo(host, port, &hints, &list) != 0)
        return false;
    for (struct addrinfo *info = list; info != NULL; info = info->ai_next)
        if (chosen == NULL || (info->ai_family == AF_INET && chosen->ai_family != AF_INET))
            chosen = info;
    net_copy(address, chosen);
    freeaddrinfo(list);
    return true;
}

bool net_resolve(const struct url *url, struct net_address *address, const char **error)
{
    if (net_lookup(url->host, url->port, 0, address))
        return true;
    *error = "the address of the URL's host cannot be found";
    return false;
}

static bool net_is_loopback(const struct net_address *address)
{
    return address->u.any.sa_family == AF_INET &&
           ntohl(address->u.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* Addresses within 127.0.0.0/8 that another process of this kind most likely does not use. */
static void net_spread(struct net_sources *sources)
{
    uint32_t first = 0x7f010000u + (uint32_t)getpid() % 60000u * 256u;

    for (unsigned i = 0; i < sources->count; i++) {
        struct net_address *source = &sources->list[i];

        source->u.in.sin_family = AF_INET;
        source->u.in.sin_addr.s_addr = htonl(first + 1 + i % 254);
        source->len = sizeof(source->u.in);
    }
}

static bool net_parse_list(struct net_sources *sources, char *list, sa_family_t family,
                           const char **error)
{
    char *rest = list, *item;

    while ((item = strsep(&rest, ",")) != NULL) {
        struct net_address *source = &sources->list[sources->count];

        *error = "--bind: not a numeric address";
        if (!net_lookup(item, NULL, AI_NUMERICHOST, source))
            return false;
        if (source->u.any.sa_family != family) {
            *error = "--bind: an address is of another family than the target";
            return false;
        }
        sources->count++;
    }
    return true;
}

bool net_sources_init(struct net_sources *sources, const char *bind,
                      const struct net_address *target, unsigned clients, const char **error)
{
    size_t count = 1;
    char *copy;
    bool ok;

    memset(sources, 0, sizeof(*sources));
    if (strcmp(bind, "auto") == 0) {
        if (!net_is_loopback(target))
            return true;
        sources->count = (clients + NET_CLIENTS_PER_SOURCE - 1) / NET_CLIENTS_PER_SOURCE;
        sources->list = calloc(sources->count, sizeof(*sources->list));
        if (sources->list != NULL)
            net_spread(sources);
        *error = "out of memory";
        return sources->list != NULL;
    }
    for (const char *p = bind; *p != '\0'; p++)
        count += *p == ',';
    sources->list = calloc(count, sizeof(*sources->list));
    copy = strdup(bind);
    *error = "out of memory";
    ok = sources->list != NULL && copy != NULL &&
         net_parse_list(sources, copy, target->u.any.sa_family, error);
    free(copy);
    return ok;
}

void net_sources_free(struct net_sources *sources)
{
    free(sources->list);
    memset(sources, 0, sizeof(*sources));
}

const struct net_address *net_source(const struct net_sources *sources, unsigned i)
{
    return sources->count > 0 ? &sources->list[i % sources->count] : NULL;
}

unsigned long net_sources_capacity(const struct net_sources *sources)
{
    unsigned long low = 32768, high = 60999; /* the kernel's defaults */
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

    if (file != NULL) {
        if (fscanf(file, "%lu %lu", &low, &high) != 2 || high < low)
            low = high = 0;
        fclose(file);
    }
    return (high - low + 1) * (sources->count > 0 ? sources->count : 1);
}

static bool net_start(int fd, const struct net_address *target, const struct net_address *source,
                      bool narrow)
{
    int on = 1, least = 1; /* which the kernel raises to its minimum */

    /* The port is chosen at connect(), when the target is known: it need not be unique otherwise.
     */
    if (source != NULL &&
        (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) != 0 ||
         bind(fd, &source->u.any, source->len) != 0))
        return false;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        return false;
    if (narrow && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)) != 0)
        return false;
    return connect(fd, &target->u.any, target->len) == 0 || errno == EINPROGRESS;
}

int net_connect(const struct net_address *target, const struct net_address *source, bool narrow)
{
    int fd = socket(target->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0)
        return -errno;
    if (net_start(fd, target, source, narrow))
        return fd;
    error = errno;
    close(fd);
    return -error;
}
