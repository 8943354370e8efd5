/*
 * permission.h - what a client may do, by the room and by whether it has presented a key.
 *
 * The first rule in the option rooms whose pattern fits decides, or else client_join,
 * client_publish and client_send. Pure functions of the configuration; any thread.
 */
#ifndef STENTORD_PERMISSION_H
#define STENTORD_PERMISSION_H

#include "config.h"
#include "message.h"

/* Is it one of client_keys or publish_keys? */
bool permission_is_key(const struct config *config, struct span key);

/* Is it one of publish_keys? */
bool permission_is_publish_key(const struct config *config, struct span key);

/* Each of these: NULL, or a sentence that says why not. */
const char *permission_join(const struct config *config, struct span room, bool trusted);
const char *permission_publish(const struct config *config, const struct message *message,
                               bool trusted);
const char *permission_send(const struct config *config, bool trusted);
const char *permission_send_in(const struct config *config, struct span room, bool trusted);

#endif
