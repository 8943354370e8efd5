/*
 * peer.h - who is at the other end of a connection, in 20 bytes.
 *
 * Plain values; any thread.
 */
#ifndef STENTORD_PEER_H
#define STENTORD_PEER_H

#include <stdint.h>
#include <sys/socket.h>

struct peer {
    uint8_t family; /* AF_INET, AF_INET6 or AF_UNIX */
    uint16_t port;
    uint8_t address[16];
};

/* A buffer that any peer's text fits in. */
enum { PEER_TEXT = 64 };

/* Takes what is to be kept from an accepted socket's address. */
void peer_read(struct peer *peer, const struct sockaddr_storage *address);

/* The same of an address in the network's order; `family` is AF_INET or AF_INET6. */
void peer_set(struct peer *peer, int family, const uint8_t *address, uint16_t port);

/* Writes it for logs, "192.0.2.1:49152", to a PEER_TEXT buffer, which is returned. */
const char *peer_text(const struct peer *peer, char *text);

#endif
