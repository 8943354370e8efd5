#include "doctor.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "doctor_checks.h"
#include "doctor_server.h"
#include "request.h"

enum {
    DOCTOR_CLIENTS = 10000,
    DOCTOR_BYTES = 2048,    /* of stentord's memory for a client, about (bench/README.md) */
    DOCTOR_MEASURED = 1000, /* clients from which on its memory can be divided by them */
};

/* What a server that runs says about itself; without one the checks are of this shell's limits. */
static void doctor_ask(const struct ctl *ctl, struct doctor *doctor)
{
    json_t *status = request_json(ctl, false, "/status.json", NULL);
    double clients = json_number_value(json_object_get(status, "clients"));
    double memory = json_number_value(json_object_get(status, "memory"));

    if (status != NULL)
        doctor_server_check(ctl, &doctor->report);
    else
        puts("(no server answers: the limits of this shell are checked instead of the server's; "
             "stentord -t checks its configuration and its certificates)");
    doctor->pid = (long)json_integer_value(json_object_get(status, "pid"));
    if (doctor->user_bytes == 0)
        doctor->user_bytes =
            clients >= DOCTOR_MEASURED ? (long)(memory / clients) : (long)DOCTOR_BYTES;
    json_decref(status);
}

static bool doctor_number(const char *text, long *number)
{
    char *end;

    *number = strtol(text, &end, 10);
    return end != text && *end == '\0' && *number > 0 && *number <= 100000000;
}

int doctor_run(const struct ctl *ctl, int argc, char **argv)
{
    struct doctor doctor = {.proc = "/proc", .clients = DOCTOR_CLIENTS};
    bool bad = false;
    int option;

    optind = 1;
    while ((option = getopt(argc, argv, "+n:b:p:")) != -1) {
        if (option == 'n')
            bad |= !doctor_number(optarg, &doctor.clients);
        else if (option == 'b')
            bad |= !doctor_number(optarg, &doctor.user_bytes);
        else if (option == 'p')
            doctor.proc = optarg;
        else
            bad = true;
    }
    if (bad || optind < argc) {
        fprintf(stderr, "usage: stentorctl " DOCTOR_USAGE "\n");
        return CTL_USAGE;
    }
    doctor_ask(ctl, &doctor);
    doctor_check_all(&doctor);
    printf("for %ld clients: %u too low, %u wrong, %u warnings\n", doctor.clients,
           doctor.report.too_low, doctor.report.wrong, doctor.report.warnings);
    return doctor.report.too_low + doctor.report.wrong > 0 ? CTL_FAILED : CTL_OK;
}
