/*
 * fanout.h - a room's members are caught up, one after the other: rounds, rests, turns.
 *
 * The part of delivery that looks at one room at a time; its state is in the room (struct
 * room_fanout) and in the lists of the delivery. Belongs to the I/O thread.
 */
#ifndef STENTORD_FANOUT_H
#define STENTORD_FANOUT_H

#include "delivery.h"

/* A message of the room has come: begins its fan-out, or asks for another round of the running
 * one. A resting one will bring it anyway. */
void fanout_start(struct delivery *delivery, struct room *room, uint64_t seq);

/* Visits some members of the room whose turn it is; there must be one that runs. */
void fanout_run(struct delivery *delivery);

/* Begins the rounds that have rested enough; returns how long the first of the others still
 * rests, 0 when none does. */
uint64_t fanout_wake(struct delivery *delivery, uint64_t now_ns);

/* Has any fan-out yet to give a message of before that seq? */
bool fanout_owes(const struct delivery *delivery, uint64_t before);

/* Ends all of them where they are. */
void fanout_abandon_all(struct delivery *delivery);

#endif
