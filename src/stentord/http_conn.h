/*
 * http_conn.h - HTTP/1.1 on a connection: requests are read, routed, answered, one after the other.
 *
 * Owned by the connection's I/O thread. A request is being read (its message exists), or being
 * answered later (somebody waits), or the connection is idle and holds nothing.
 *
 * A request may be for something that lives on another I/O thread (endpoint.home). Then the whole
 * connection moves there, with its request and with what has been read behind it.
 */
#ifndef STENTORD_HTTP_CONN_H
#define STENTORD_HTTP_CONN_H

#include "conn.h"
#include "stentor/base/mailbox.h"
#include "stentor/base/refbuf.h"
#include "stentor/wire/http.h"

struct endpoint;
struct http_conn;

enum { HTTP_CONN_NOTE = 24 };

/* Who has the current request answered later. */
struct http_waiter {
    /* The connection has ended: there is nobody to be answered any more. */
    void (*on_abort)(struct http_conn *http, void *context);
    /* The server stops: answer now. NULL: the answer comes in time. */
    void (*on_goodbye)(struct http_conn *http, void *context);
    /* More came from the client, or it left: if the request has been answered meanwhile, say so by
     * http_conn_answered. NULL: an answer is always told at once. */
    void (*settle)(struct http_conn *http, void *context);
    /* More has come, and is kept until the answer: that has to be told at once. NULL as above. */
    void (*on_more)(struct http_conn *http, void *context);
    bool watch; /* an end of the connection is to be noticed at once */
};

struct http_conn {
    unsigned magic;
    struct conn *conn;
    struct http_message *msg; /* NULL between requests */
    const struct endpoint *endpoint;
    const struct http_waiter *waiter; /* NULL: nobody waits */
    void *context;                    /* of the waiter */
    struct strbuf stash;              /* what came while somebody waited, or was under way */
    struct io_thread *destination;    /* the connection moves there; NULL: it stays */
    struct mail mail;                 /* that takes it there */
    bool entering;                    /* the request waits for its endpoint's on_head */
    bool answered;                    /* the current request */
    bool body_done;                   /* it has been read to its end */
    bool keep_alive;
    uint8_t stage;                /* what the deadline is for (http_conn.c) */
    uint8_t note[HTTP_CONN_NOTE]; /* what the endpoint has understood of the request */
};

#define HTTP_CONN_MAGIC 0x68747470u

#define ENDPOINT_ALL_METHODS (~0u)

/* The places that a request can be for. */
struct endpoint {
    const char *path;
    bool subtree;      /* paths that begin with it, too */
    bool admin;        /* on admin listeners alone */
    bool cors;         /* web pages of other origins may read its answers (cors.h) */
    bool conformance;  /* with the option of that name alone */
    unsigned methods;  /* bits 1 << llhttp_method */
    const char *allow; /* the same for people */
    /* The head is there: the thread that the request has to be served on (NULL: any). It may leave
     * a note for the functions below. */
    struct io_thread *(*home)(struct http_conn *http);
    /* The head is there. False when the request has been answered, or the connection upgraded.
     * NULL: nothing is to be checked before the body. */
    bool (*on_head)(struct http_conn *http);
    /* The request is complete: answer it now, or suspend. */
    void (*on_request)(struct http_conn *http);
};

/* Begins to serve HTTP on a new connection. */
void http_conn_start(struct conn *conn);

/* The connection speaks another protocol from now on; http_conn.c frees its own state. */
void http_conn_upgrade(struct http_conn *http, const struct conn_protocol *protocol, void *state);

/* The key in `Authorization: Bearer KEY`; false when there is none. */
bool http_conn_bearer(const struct http_conn *http, struct span *key) MUST_CHECK;

/* The current request will be answered later, by `waiter`. */
void http_conn_suspend(struct http_conn *http, const struct http_waiter *waiter, void *context);

/* The suspended request's answer is under way (http_respond): go on with what came since. */
void http_conn_resume(struct http_conn *http);

/* The same when the answer was written to the connection past this module, maybe in the middle of
 * a delivery: what came since is gone on with later. */
void http_conn_answered(struct http_conn *http);

#endif
