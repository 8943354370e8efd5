/*
 * proxy.h - the PROXY protocol, versions 1 and 2: how a balancer tells whom it speaks for.
 *
 * Its header is the first thing on a connection, before TLS and HTTP. Reading alone. Pure: no
 * state, any thread.
 */
#ifndef STENTOR_WIRE_PROXY_H
#define STENTOR_WIRE_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

enum {
    PROXY_MAX_HEADER = 4096, /* bytes, with everything that nobody reads */
};

enum proxy_result {
    PROXY_MORE, /* the header is not complete yet */
    PROXY_DONE,
    PROXY_FAILED, /* it is none */
};

struct proxy_header {
    int family;         /* AF_INET or AF_INET6; AF_UNSPEC: the header does not say for whom */
    uint8_t source[16]; /* address, in the network's order; 4 bytes of it with AF_INET */
    uint16_t port;
};

/* Looks at the first bytes of a connection; after PROXY_DONE the header was `*used` of them. */
enum proxy_result proxy_parse(const void *data, size_t len, struct proxy_header *header,
                              size_t *used) MUST_CHECK;

#endif
