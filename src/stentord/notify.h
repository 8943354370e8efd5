/*
 * notify.h - tells the service manager what the server is at: the datagrams of sd_notify(3).
 *
 * They go to the socket in the environment variable NOTIFY_SOCKET; without it these functions do
 * nothing. The protocol is a few bytes, which is why there is no libsystemd for it. Main thread
 * alone.
 */
#ifndef STENTORD_NOTIFY_H
#define STENTORD_NOTIFY_H

/* It serves. `status` is what the service manager shows to people. */
void notify_ready(const char *status);

/* It reads its configuration again; notify_ready says when that is done. */
void notify_reloading(void);

/* It stops, which may take so many seconds. */
void notify_stopping(unsigned seconds);

#endif
