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

/* Answers with an error, and counts it. */
void publish_endpoint_refuse(struct http_conn *http, int status, const char *headers,
                             const char *error, const char *message);

/* May that many messages pass now? If not, the request has been answered. */
bool publish_endpoint_within_rate(struct http_conn *http, size_t count) MUST_CHECK;

/* Sends the message to the session, and answers the request then; takes over the reference. */
void publish_directed(struct http_conn *http, struct message *message,
                      const struct envelope_to *to);

#endif
