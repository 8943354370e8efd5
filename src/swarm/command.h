/*
 * command.h - what the program can be told to do: run, and compare.
 *
 * Each takes arguments as main does, and returns the exit status (judge.h).
 */
#ifndef STENTOR_SWARM_COMMAND_H
#define STENTOR_SWARM_COMMAND_H

#include "stentor/base/compiler.h"

#include "mix.h"

/* With a mix of its own the run has that one, whatever the options say: for bench/longpoll. */
int command_run(int argc, char **argv, const struct mix *mix) MUST_CHECK;

int command_compare(int argc, char **argv) MUST_CHECK;

#endif
