/*
 * http.h - HTTP/1.1 messages (RFC 9112), read piece by piece and written in one go.
 *
 * llhttp parses, strictly; this module collects what it finds, keeps the limits, and stops at the
 * two points at which a server has to decide something: behind the head, and behind the body.
 * No descriptor, no event loop: the caller feeds bytes. An `http_message` belongs to its caller and
 * exists only while a message is being read.
 */
#ifndef STENTOR_WIRE_HTTP_H
#define STENTOR_WIRE_HTTP_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stentor/base/compiler.h"
#include "stentor/base/json.h"
#include "stentor/base/strbuf.h"

enum { HTTP_MAX_HEADERS = 64 };

enum http_kind { HTTP_KIND_REQUEST, HTTP_KIND_RESPONSE };

struct http_limits {
    size_t target; /* bytes of the request target; more is 414 */
    size_t head;   /* bytes of names and values of all headers together; more is 431 */
    size_t body;   /* bytes; more is 413; can be changed at HTTP_HEAD_DONE */
};

enum http_result {
    HTTP_MORE,      /* everything was consumed, and the message goes on */
    HTTP_HEAD_DONE, /* the head is complete: look at it, then feed the rest */
    HTTP_DONE,      /* the message is complete; what follows belongs to the next one */
    HTTP_FAILED,    /* `status` and `error` say what to answer; the connection is unusable */
};

struct http_header {
    size_t name, name_len; /* offsets into `text` */
    size_t value, value_len;
};

struct http_message {
    llhttp_t parser;
    struct http_limits limits;
    struct strbuf target; /* as it was sent, not decoded */
    struct strbuf text;   /* header names and values */
    struct strbuf body;
    unsigned header_count;
    bool in_value; /* the last header's value has begun */
    bool head_done;
    bool upgrade;      /* asks for another protocol (Connection: upgrade) */
    int status;        /* after HTTP_FAILED: what to answer */
    const char *error; /* after HTTP_FAILED: a sentence */
    struct http_header headers[HTTP_MAX_HEADERS]; /* the last member: set as they come */
};

void http_message_init(struct http_message *msg, enum http_kind kind,
                       const struct http_limits *limits);
void http_message_free(struct http_message *msg);

/* Begins another message with the memory of one that is done with. */
void http_message_reuse(struct http_message *msg, enum http_kind kind,
                        const struct http_limits *limits);

/* Reads on; `*used` is how many of the `len` bytes were consumed (less than `len` only at the
 * stops). After HTTP_DONE the message must be freed, and initialised again for the next one. */
enum http_result http_message_feed(struct http_message *msg, const void *data, size_t len,
                                   size_t *used) MUST_CHECK;

/* The peer closed: is the message complete by that (a response without length)? */
bool http_message_finish(struct http_message *msg) MUST_CHECK;

/* Has the reader stopped, so that feeding it even nothing moves it on? */
bool http_message_paused(const struct http_message *msg);

/* Reads on as if no upgrade had been asked for. At HTTP_HEAD_DONE. */
void http_refuse_upgrade(struct http_message *msg);

/* Content-Length; 0 without one. From HTTP_HEAD_DONE on. */
uint64_t http_content_length(const struct http_message *msg);

/* Does a body follow the head? */
bool http_has_body(const struct http_message *msg);

/* The method's name ("GET"). */
const char *http_method(const struct http_message *msg);
bool http_method_is(const struct http_message *msg, llhttp_method_t method);

/* The value of a header, by its lower-case name, without white space around it; false without one.
 * Of several, the first. Trailers (behind a chunked body) are no headers: they are not kept. */
bool http_header(const struct http_message *msg, const char *name, struct span *value);

/* Does the comma-separated list in the header (all lines of it) hold `token`, in any case? */
bool http_header_has_token(const struct http_message *msg, const char *name, const char *token);

/* Is the body of that media type (RFC 9110 section 8.3.1), whatever its parameters? */
bool http_content_is(const struct http_message *msg, const char *type);

/* The lines of a header joined by ", ": what the field means when it comes more than once. */
bool http_header_joined(const struct http_message *msg, const char *name, struct strbuf *out);

/* May the connection carry another message after this one? Valid from HTTP_HEAD_DONE on. */
bool http_keep_alive(const struct http_message *msg);

bool http_span_equals(struct span text, const char *str); /* in any case */

/* The next comma-separated element of `*list`, trimmed; false when none is left. */
bool http_list_next(struct span *list, struct span *element);

/* The target's path and query ("" when there is none); nothing is decoded yet. */
void http_split_target(const struct http_message *msg, struct span *path, struct span *query);

/* The next `name=value` of the query, raw; advances `*query`. */
bool http_query_next(struct span *query, struct span *name, struct span *value);

/* Appends the text with %XX (and '+' as a space in a query) decoded; false when it is malformed or
 * not UTF-8. */
bool http_decode(struct span text, bool in_query, struct strbuf *out) MUST_CHECK;

/* The reason phrase of a status ("Not Found"). */
const char *http_reason(int status);

/* Appends a status line, `headers` (whole lines with CRLF, or NULL), Content-Length and
 * Connection, and the empty line. */
void http_append_head(struct strbuf *out, int status, const char *headers, size_t content_length,
                      bool keep_alive);

#endif
