#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "command.h"

/* The first argument may be a command; without one it is "run". */
int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    signal(SIGPIPE, SIG_IGN); /* peers that are gone show in the result of a call */
    if (strcmp(command, "compare") == 0)
        return command_compare(argc - 1, argv + 1);
    if (strcmp(command, "agent") == 0)
        return agent_main(argc - 1, argv + 1);
    if (strcmp(command, "run") == 0)
        return command_run(argc - 1, argv + 1, NULL);
    return command_run(argc, argv, NULL);
}
