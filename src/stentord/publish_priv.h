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

/* Answers with an error, and counts it. */
void publish_endpoint_refuse(struct http_conn *http, int status, const char *headers,
                             const char *error, const char *message);

/* May that many messages pass now? If not, the request has been answered. */
bool publish_endpoint_within_rate(struct http_conn *http, size_t count) MUST_CHECK;

/* A line of the access log: what was published for rooms. */
void publish_endpoint_log(const struct http_conn *http, const struct publish_request *request);

/* Appends {"seq":...,"clients":...}. */
void publish_endpoint_append_item(struct strbuf *out, uint64_t seq, unsigned clients);

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
