/*
 * net.h - where connections go to, and which local addresses they come from.
 *
 * A port is used up per local address: a loopback target can be reached from any of 16 million
 * addresses, so by default the clients are spread over some of them.
 * The structs belong to their caller, and are constant once they are set up; one thread.
 */
#ifndef STENTOR_SWARM_NET_H
#define STENTOR_SWARM_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "stentor/base/compiler.h"

#include "url.h"

struct net_address {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } u;
    socklen_t len; /* 0: no address */
};

struct net_sources {
    struct net_address *list;
    unsigned count; /* 0: the system chooses */
};

/* The address of the URL's host, an IPv4 one if it has both; on false `*error` says why not. */
bool net_resolve(const struct url *url, struct net_address *address, const char **error) MUST_CHECK;

/* Local addresses for `clients` connections to `target`: those that `bind` lists with commas
 * between them, or chosen here when it is "auto". */
bool net_sources_init(struct net_sources *sources, const char *bind,
                      const struct net_address *target, unsigned clients,
                      const char **error) MUST_CHECK;
void net_sources_free(struct net_sources *sources);

/* The local address of the connection number `i`; NULL: the system chooses. */
const struct net_address *net_source(const struct net_sources *sources, unsigned i);

/* How many connections to one target the sources allow: as many ports as each may use. */
unsigned long net_sources_capacity(const struct net_sources *sources);

/* Begins a non-blocking connect without Nagle's algorithm, with the smallest receive buffer if it
 * is to be `narrow`; the descriptor or a negative errno. */
int net_connect(const struct net_address *target, const struct net_address *source,
                bool narrow) MUST_CHECK;

#endif
