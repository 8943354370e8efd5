/*
 * agent.h - one process's part in a run that another one controls: stentor-swarm agent.
 *
 * It is told everything over its standard input, and says everything over its standard output
 * (channel.h); what it has to say to people goes to the standard error stream. When its input ends,
 * so does it.
 */
#ifndef STENTOR_SWARM_AGENT_H
#define STENTOR_SWARM_AGENT_H

#include "stentor/base/compiler.h"

int agent_main(int argc, char **argv) MUST_CHECK;

#endif
