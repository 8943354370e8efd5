/*
 * publish_endpoint.h - POST /publish: from a publisher's request to the broadcast stage and back.
 *
 * No state of its own; the request's I/O thread.
 */
#ifndef STENTORD_PUBLISH_ENDPOINT_H
#define STENTORD_PUBLISH_ENDPOINT_H

#include "http_conn.h"

extern const struct endpoint publish_endpoint;

#endif
