/*
 * router.h - which endpoint is a request for?
 *
 * The table of all endpoints. No state; any I/O thread.
 */
#ifndef STENTORD_ROUTER_H
#define STENTORD_ROUTER_H

#include "http_conn.h"

/* Sets http->endpoint by the request's head; false when there is none, or not for that method, and
 * the request has been answered. */
bool router_find(struct http_conn *http);

#endif
