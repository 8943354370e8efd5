#include "peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

void peer_read(struct peer *peer, const struct sockaddr_storage *address)
{
    memset(peer, 0, sizeof(*peer));
    peer->family = (uint8_t)address->ss_family;
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        peer->port = ntohs(in->sin_port);
        memcpy(peer->address, &in->sin_addr, sizeof(in->sin_addr));
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        peer->port = ntohs(in6->sin6_port);
        memcpy(peer->address, &in6->sin6_addr, sizeof(in6->sin6_addr));
    }
}

void peer_set(struct peer *peer, int family, const uint8_t *address, uint16_t port)
{
    memset(peer, 0, sizeof(*peer));
    peer->family = (uint8_t)family;
    peer->port = port;
    memcpy(peer->address, address, family == AF_INET ? 4 : 16);
}

const char *peer_text(const struct peer *peer, char *text)
{
    char address[INET6_ADDRSTRLEN];

    if (peer->family == AF_UNIX)
        return strcpy(text, "unix");
    inet_ntop(peer->family, peer->address, address, sizeof(address));
    snprintf(text, PEER_TEXT, peer->family == AF_INET6 ? "[%s]:%u" : "%s:%u", address, peer->port);
    return text;
}
