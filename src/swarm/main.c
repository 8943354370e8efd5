#include <stdio.h>
#include <string.h>

#include "options.h"
#include "report.h"
#include "report_json.h"
#include "swarm.h"

int main(int argc, char **argv)
{
    struct options options;
    struct swarm *swarm;
    const char *error;
    int status;

    switch (options_parse(&options, argc, argv)) {
    case OPTIONS_RUN:
        break;
    case OPTIONS_DONE:
        return 0;
    case OPTIONS_BAD:
        return 2;
    }
    swarm = swarm_new(&options, &error);
    if (swarm == NULL) {
        fprintf(stderr, "stentor-swarm: %s\n", error);
        return 1;
    }
    report_warn_limits(swarm, stderr);
    swarm_run(swarm);
    report_print(swarm, stdout);
    status = swarm_passed(swarm) ? 0 : 1;
    if (options.json_file != NULL && !report_json_write(swarm, options.json_file)) {
        fprintf(stderr, "stentor-swarm: cannot write %s\n", options.json_file);
        status = 1;
    }
    swarm_free(&swarm);
    return status;
}
