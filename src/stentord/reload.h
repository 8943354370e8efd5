/*
 * reload.h - another configuration while the server runs, in two phases.
 *
 * First everything that can fail: the file is read and checked together with what it names, new
 * listeners are bound, memory is taken. After any mistake the old configuration stays as it is.
 * Then the new one is handed out, and nothing can fail: to the acceptor, and to the broadcast
 * stage, which gives it a place in the one order of messages and sends it on to the I/O threads. So
 * every thread changes between the same two messages.
 *
 * Belongs to the main thread; what is asked for while a reload is under way follows it as one more.
 */
#ifndef STENTORD_RELOAD_H
#define STENTORD_RELOAD_H

#include "admin_command.h"

struct reload;
struct server;

struct reload_state {
    struct reload *running;             /* NULL: none */
    bool again;                         /* another one has been asked for */
    struct admin_command_queue waiting; /* those who want to know how it went */
};

void reload_init(struct reload_state *state);

/* Reads the configuration again. `command` is answered when it is in force, or has been refused;
 * NULL: nobody waits, and the log says it. */
void reload_ask(struct server *server, struct admin_command *command);

#endif
