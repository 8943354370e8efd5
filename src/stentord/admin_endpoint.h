/*
 * admin_endpoint.h - /healthz, /metrics and /status, on admin listeners.
 *
 * No state; the request's I/O thread, which reads all threads' counters.
 */
#ifndef STENTORD_ADMIN_ENDPOINT_H
#define STENTORD_ADMIN_ENDPOINT_H

#include "http_conn.h"

extern const struct endpoint admin_healthz_endpoint;
extern const struct endpoint admin_metrics_endpoint;
extern const struct endpoint admin_status_endpoint;

#endif
