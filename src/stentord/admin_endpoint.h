/*
 * admin_endpoint.h - what operators and their programs ask of admin listeners: one file for each
 * kind of answer, admin_*.c.
 *
 * No state; the request's I/O thread, which may read all threads' counters. What changes the server
 * is carried out by the main thread (admin_command.h).
 */
#ifndef STENTORD_ADMIN_ENDPOINT_H
#define STENTORD_ADMIN_ENDPOINT_H

#include "http_conn.h"

extern const struct endpoint admin_healthz_endpoint;
extern const struct endpoint admin_metrics_endpoint;
extern const struct endpoint admin_status_endpoint;
extern const struct endpoint admin_status_json_endpoint;
extern const struct endpoint admin_rooms_endpoint;
extern const struct endpoint admin_clients_endpoint;
extern const struct endpoint admin_kick_endpoint;
extern const struct endpoint admin_log_level_endpoint;
extern const struct endpoint admin_check_endpoint;
extern const struct endpoint admin_reload_endpoint;
extern const struct endpoint admin_drain_endpoint;
extern const struct endpoint admin_adopt_endpoint;

#endif
