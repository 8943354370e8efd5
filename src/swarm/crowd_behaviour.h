/*
 * crowd_behaviour.h - clients that leave and come back, that are cut off, and that do not read as
 * they could.
 *
 * What clients do by themselves once they have joined, or when a connect of theirs has failed. It
 * works on the crowd's data; the crowd's thread.
 */
#ifndef STENTOR_SWARM_CROWD_BEHAVIOUR_H
#define STENTOR_SWARM_CROWD_BEHAVIOUR_H

#include <stdbool.h>
#include <stdint.h>

#include "stentor/base/compiler.h"

#include "crowd.h"

void crowd_behaviour_init(struct crowd *crowd);

/* Decides what kind a new client is. */
void crowd_behaviour_assign(struct crowd *crowd, struct client *client);

/* To be called often. */
void crowd_behaviour_tick(struct crowd *crowd, uint64_t now_ns);

/* All clients, or the storm's share of them, are cut off and come back. */
void crowd_behaviour_storm(struct crowd *crowd);

/* Some of those that come back begin to connect; are there more? */
bool crowd_behaviour_return(struct crowd *crowd, unsigned max);

/* Does the next one that leaves go without a goodbye? */
bool crowd_behaviour_is_abrupt(struct crowd *crowd) MUST_CHECK;

/* A client has joined; its connect, not the first one, has failed; it is closed; it has got
 * something although it does not read as it could. */
void crowd_behaviour_on_joined(struct crowd *crowd, struct client *client);
void crowd_behaviour_on_failed(struct crowd *crowd, struct client *client, const char *cause);
void crowd_behaviour_on_closed(struct crowd *crowd, struct client *client, enum client_state was);
void crowd_behaviour_on_message(struct crowd *crowd, const struct client *client);

#endif
