/*
 * admin_command.h - an operator's request that the main thread carries out.
 *
 * Lifetime of a command:
 *   sent      made by the I/O thread of the request, which waits, and mailed to the main thread
 *   running   `run` is called there; it keeps the command until it knows the answer
 *   done      admin_command_done mails it home, where the request is answered and the command freed
 * The command belongs to the main thread while it is there, but for `http`, which is its origin's.
 */
#ifndef STENTORD_ADMIN_COMMAND_H
#define STENTORD_ADMIN_COMMAND_H

#include <sys/queue.h>

#include "http_conn.h"
#include "stentor/base/strbuf.h"

struct server;

struct admin_command {
    unsigned magic;
    struct mail mail;
    struct io_thread *origin;
    struct http_conn *http; /* NULL: who asked has gone */
    void (*run)(struct server *server, struct admin_command *command);
    long argument;      /* what `run` makes of it */
    int status;         /* of the answer */
    struct strbuf body; /* of the answer, JSON */
    STAILQ_ENTRY(admin_command) link;
};

#define ADMIN_COMMAND_MAGIC 0x61636d64u

STAILQ_HEAD(admin_command_queue, admin_command);

/* The request's I/O thread: suspends the request and has `run` called on the main thread. */
void admin_command_send(struct http_conn *http,
                        void (*run)(struct server *server, struct admin_command *command),
                        long argument);

/* The main thread: the answer stands in status and body. */
void admin_command_done(struct admin_command *command);

/* The same with {"error": ..., "message": ...}. */
void admin_command_fail(struct admin_command *command, int status, const char *error,
                        const char *message);

/* Appends a member with the text's lines as an array of strings: "name":["...","..."]. */
void admin_command_append_lines(struct strbuf *body, const char *name, const char *text);

/* For endpoints that change something: false when the request has been refused, because it comes
 * from a web page, which any page open on this machine could make its browser send. */
bool admin_command_allowed(struct http_conn *http);

#endif
