/*
 * answer.h - HTTP answers as a client reads them, at no cost to a client that reads none just now.
 *
 * Nearly every answer comes in one piece. It is read by a `shared` http_message, whose memory all
 * clients use in turn. Of one that is not yet complete the bytes are read again by a message of the
 * client's own, which lives until the answer ends. (The same for the second piece would be slow
 * for large answers; to copy a half-used parser would mean to know how it works.)
 * The messages belong to the caller; one thread.
 */
#ifndef STENTOR_SWARM_ANSWER_H
#define STENTOR_SWARM_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "stentor/base/compiler.h"
#include "stentor/wire/http.h"

/* The shared message, before it is used. */
void answer_init(struct http_message *shared);

/* Gives the client a message of its own, which then reads the next answer. */
void answer_own(struct http_message **own);

/* Ends what the client had begun to read; NULL: nothing. */
void answer_free(struct http_message **own);

/* Reads on, up to the end of the head (`head_only`) or of the answer. `*used` is how many bytes
 * were consumed; `*answer` is where the answer stands, shared or the client's own, until the next
 * call. At its end the caller frees the client's own. */
enum http_result answer_feed(struct http_message *shared, struct http_message **own, bool head_only,
                             const void *data, size_t len, size_t *used,
                             struct http_message **answer) MUST_CHECK;

#endif
