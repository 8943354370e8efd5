/*
 * link.h - one connection of a simulated client, without knowing what is said on it.
 *
 * Lifetime:
 *   closed      zeroed, or after link_close
 *   waiting     after link_open_extra, when there are too many extra links
 *   connecting  after link_open; ends in ops->connected or ops->ended
 *   securing    the TLS handshake, if there is one; ends likewise
 *   open        bytes come in ops->received; ends in ops->ended, or in link_close
 * Callbacks may close the link, and then open it again or free it. It is closed already when
 * ops->ended is called.
 * An extra link is one that a client has for a moment besides its first one. There is a limit for
 * each sort, so that neither takes the other one's descriptors.
 * A link belongs to whoever declares it, has no buffer but for what its socket would not take, and
 * shares a `struct links` with the others; one thread.
 */
#ifndef STENTOR_SWARM_LINK_H
#define STENTOR_SWARM_LINK_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "stentor/base/compiler.h"
#include "stentor/base/strbuf.h"

#include "net.h"
#include "tls.h"

enum { LINK_BUFFER = 65536 };

enum link_state { LINK_CLOSED, LINK_WAITING, LINK_CONNECTING, LINK_SECURING, LINK_OPEN };

struct link;

TAILQ_HEAD(link_queue, link);

/* What all links have in common. */
struct links {
    struct event_base *base;
    struct net_address target;
    struct net_sources sources;
    struct tls_client *tls; /* NULL: none is used */
    unsigned open;          /* sockets, without those of extra links */
    unsigned max_open;
    unsigned extra;
    unsigned max_extra;
    struct link_queue waiting; /* extra links */
    struct link *reading;      /* whose bytes are being handled, until it is closed */
    uint64_t received;         /* bytes, but for what TLS counts itself: see link_total_received */
    uint64_t sent;
    uint64_t now_ns; /* when the bytes in hand were received, or the connection was made */
    void (*after_read)(void *arg); /* NULL: nothing */
    void *arg;
    uint8_t buffer[LINK_BUFFER];
};

struct link_ops {
    void (*connected)(struct link *link);
    void (*received)(struct link *link, uint8_t *data, size_t len);
    void (*ended)(struct link *link, const char *cause);
};

struct link {
    unsigned magic;
    uint8_t state; /* enum link_state */
    bool is_extra;
    bool narrow;     /* with a receive buffer as small as it goes; set before it is opened */
    bool paused;     /* does not read */
    bool wants_read; /* TLS cannot write on before it has read */
    unsigned source; /* the number of its local address */
    struct event event;
    struct links *links;
    const struct link_ops *ops;
    struct tls *tls;        /* NULL: none */
    struct strbuf *unsent;  /* while the socket takes no more */
    TAILQ_ENTRY(link) next; /* while it waits */
};

/* Bytes on the wire. */
uint64_t link_total_received(const struct links *links);
uint64_t link_total_sent(const struct links *links);

/* The cause with which a link ends that the server closed in good order. */
extern const char link_ended[];

/* Begins to connect from the local address number `source`. NULL, or the cause why it cannot. */
const char *link_open(struct link *link, struct links *links, unsigned source,
                      const struct link_ops *ops) MUST_CHECK;

/* The same of an extra link; it may have to wait for others to be closed. */
const char *link_open_extra(struct link *link, struct links *links, unsigned source,
                            const struct link_ops *ops) MUST_CHECK;

/* Opens the links that wait, as far as there is room; to be called often. */
void link_open_waiting(struct links *links);

/* Closes at once, in any state, without a call of ops->ended. */
void link_close(struct link *link);

/* The same with a reset, as when a machine or a network fails. */
void link_abort(struct link *link);

/* The connection of an open extra link becomes that of `link`, which is closed and whose callbacks
 * are then called. `from` is closed afterwards. */
void link_adopt(struct link *link, struct link *from, const struct link_ops *ops);

/* Sends; what the socket does not take is kept. A failure shows in ops->ended. */
void link_write(struct link *link, const void *data, size_t len);

/* Does not read any more, until link_read_some is called: what comes stays in the kernel. */
void link_pause(struct link *link);

/* Of a paused link: reads up to `len` bytes, if there are any. */
void link_read_some(struct link *link, size_t len);

#endif
