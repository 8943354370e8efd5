/*
 * tls_ticket.h - the keys that seal session tickets, by which a client's next handshake is short.
 *
 * Tickets are stateless: the server keeps nothing of a session. Unless its listener has keys in a
 * file, they are sealed with keys that change: each is derived from the one before, which is then
 * forgotten but for those of the last period. All I/O threads begin with the same seed, so each has
 * the same keys at the same time without asking another one. Belongs to one I/O thread.
 */
#ifndef STENTORD_TLS_TICKET_H
#define STENTORD_TLS_TICKET_H

#include <stdint.h>

enum { TLS_TICKET_SEED = 32 };

struct tls_ticket_key {
    uint8_t name[16];
    uint8_t aes[32];
    uint8_t hmac[32];
};

struct tls_ticket_chain {
    uint8_t state[TLS_TICKET_SEED]; /* from which the next key comes */
    uint64_t origin_ms;
    uint64_t period_ms;
    uint64_t period;               /* that `keys[0]` is for */
    struct tls_ticket_key keys[2]; /* of this period and of the one before */
};

/* `origin_ms`, the same for all threads, is when the first period begins. */
void tls_ticket_chain_init(struct tls_ticket_chain *chain, const uint8_t seed[TLS_TICKET_SEED],
                           uint64_t origin_ms, uint64_t period_ms);

/* Moves on to the period that `now_ms` lies in. */
void tls_ticket_chain_advance(struct tls_ticket_chain *chain, uint64_t now_ms);

#endif
