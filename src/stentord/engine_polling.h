/*
 * engine_polling.h - Engine.IO's HTTP long-polling: GETs that wait, POSTs with packets.
 *
 * A session that polls has a connection only while a GET waits. A message that comes then goes out
 * as a response that was rendered once for all clients (message_response); what has come between
 * two polls is gathered into one. The engine's I/O thread.
 */
#ifndef STENTORD_ENGINE_POLLING_H
#define STENTORD_ENGINE_POLLING_H

#include "engine.h"
#include "http_conn.h"

/* Answers a request that is refused, as Engine.IO does. */
void engine_polling_refuse(struct http_conn *http, enum engine_io_error error);

/* The first GET: answers with the open packet. */
void engine_polling_open(struct engine *engine, struct http_conn *http);

/* A GET: it is answered as soon as there is something. */
void engine_polling_get(struct engine *engine, struct http_conn *http);

/* A POST whose body is there. */
void engine_polling_post(struct engine *engine, struct http_conn *http);

/* Answers the GET that waits, if one does, with what is in the queue. */
void engine_polling_flush(struct engine *engine);

/* Answers the GET that waits, if one does, with that packet alone. */
void engine_polling_finish(struct engine *engine, enum engine_io_type type);

/* For the session's operations. */
ssize_t engine_polling_answer(struct session *session, struct refbuf *const *encodings, int count);
void engine_polling_answered(struct session *session);

#endif
