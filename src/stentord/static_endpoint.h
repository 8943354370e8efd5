/*
 * static_endpoint.h - everything else: the files under static_root.
 *
 * No state; the request's I/O thread.
 */
#ifndef STENTORD_STATIC_ENDPOINT_H
#define STENTORD_STATIC_ENDPOINT_H

#include "http_conn.h"

extern const struct endpoint static_endpoint;

#endif
