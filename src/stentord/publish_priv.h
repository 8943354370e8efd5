/*
 * publish_priv.h - between the files of the publish endpoint.
 *
 * No state but the request's; its I/O thread.
 */
#ifndef STENTORD_PUBLISH_PRIV_H
#define STENTORD_PUBLISH_PRIV_H

#include "directed.h"
#include "envelope.h"
#include "http_conn.h"
#include "publish.h"

struct publish_batch;

static inline struct span publish_span(const struct strbuf *text)
{
    return (struct span){text->data, text->len};
}

/* Answers with an error, and counts it. */
void publish_endpoint_refuse(struct http_conn *http, int status, const char *headers,
                             const char *error, const char *message);

/* May that many messages pass now? If not, the request has been answered. */
bool publish_endpoint_within_rate(struct http_conn *http, size_t count) MUST_CHECK;

/* 409: its messages could not have the numbers that they were given (request->not_above). */
void publish_endpoint_refuse_seq(struct http_conn *http, const struct publish_request *request);

/* A line of the access log: what was published for rooms. */
void publish_endpoint_log(const struct http_conn *http, const struct publish_request *request);

/* Appends {"seq":...,"clients":...}. */
void publish_endpoint_append_item(struct strbuf *out, uint64_t seq, unsigned clients);

/* What the envelopes of the request are read with. */
struct envelope_context publish_endpoint_context(const struct http_conn *http);

/* Publishes one message for rooms, and answers when its seq is known; takes over the reference. */
void publish_endpoint_message(struct http_conn *http, struct message *message);

bool publish_endpoint_is_msgpack(const struct http_conn *http);

/* 400: what is wrong with a body that says it is MessagePack. */
void publish_endpoint_refuse_msgpack(struct http_conn *http, const char *error);

/* POST /publish: an envelope or an array of them, as JSON or as MessagePack (publish_envelopes.c).
 */
void publish_envelopes_json(struct http_conn *http);
void publish_envelopes_packed(struct http_conn *http);

/* POST /publish/ROOM/EVENT: the body is the data (publish_target.c). */
void publish_target(struct http_conn *http, struct span path, struct span query);

/* An array of envelopes, some for rooms and some for sessions: answered when all have been
 * (publish_batch.c). Room for `count` of them; NULL when the request has been answered. */
struct publish_batch *publish_batch_new(struct http_conn *http, size_t count) MUST_CHECK;

/* Adds the next message, which is taken over. If there is none, because of `error`, or no memory,
 * the whole array is refused: the batch is freed, and NULL. */
void publish_batch_add(struct publish_batch **batch, struct message *message,
                       const struct envelope_to *to, const char *error);

/* Sends them all. */
void publish_batch_submit(struct publish_batch *batch);

/* Frees one that was not submitted. */
void publish_batch_free(struct publish_batch **batch);

/* Sends the message to the session, and answers the request then; takes over the reference. */
void publish_directed(struct http_conn *http, struct message *message,
                      const struct envelope_to *to);

#endif
