/*
 * http_conn.h - HTTP/1.1 on a connection: requests are read, routed, answered, one after the other.
 *
 * Owned by the connection's I/O thread. A request is being read (its message exists), or being
 * answered later (suspended), or the connection is idle and holds nothing.
 */
#ifndef STENTORD_HTTP_CONN_H
#define STENTORD_HTTP_CONN_H

#include "conn.h"
#include "stentor/base/refbuf.h"
#include "stentor/wire/http.h"

struct accepted_conn;
struct endpoint;
struct publish_request;

struct http_conn {
    unsigned magic;
    struct conn *conn;
    struct http_message *msg; /* NULL between requests */
    const struct endpoint *endpoint;
    struct publish_request *pending; /* the answer comes with it; NULL: not suspended */
    struct strbuf stash;             /* requests that came while one was suspended */
    bool served;                     /* a request before the current one */
    bool answered;                   /* the current request */
    bool body_done;                  /* it has been read to its end */
    bool keep_alive;
};

#define HTTP_CONN_MAGIC 0x68747470u

/* The places that a request can be for. */
struct endpoint {
    const char *path;
    bool subtree;      /* paths that begin with it, too */
    bool admin;        /* on admin listeners alone */
    unsigned methods;  /* bits 1 << llhttp_method */
    const char *allow; /* the same for people */
    /* The head is there. False when the request has been answered, or the connection upgraded.
     * NULL: nothing is to be checked before the body. */
    bool (*on_head)(struct http_conn *http);
    /* The request is complete: answer it now, or suspend. */
    void (*on_request)(struct http_conn *http);
};

/* Begins to serve HTTP on a new connection; takes over the descriptor. */
void http_conn_accept(struct io_thread *thread, const struct accepted_conn *accepted);

/* Answers the current request. `headers`: more header lines, each with CRLF, or NULL. */
void http_conn_respond(struct http_conn *http, int status, const char *headers, const char *type,
                       const void *body, size_t len);

/* The same with a shared body. */
void http_conn_respond_buf(struct http_conn *http, int status, const char *headers,
                           const char *type, struct refbuf *body);

/* Answers with {"error": ..., "message": ...}; `message` says what to do. */
void http_conn_error(struct http_conn *http, int status, const char *headers, const char *error,
                     const char *message);

/* The connection speaks another protocol from now on; http_conn.c frees its own state. */
void http_conn_upgrade(struct http_conn *http, const struct conn_protocol *protocol, void *state);

/* The current request will be answered when `request` comes back. */
void http_conn_suspend(struct http_conn *http, struct publish_request *request);

/* The suspended request's answer is under way (http_conn_respond): go on with what came since. */
void http_conn_resume(struct http_conn *http);

#endif
