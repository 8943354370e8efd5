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
    /* Bytes of stentord's memory, about (doc/memory.md): for a client by long-polling, which takes
     * the most, or with TLS; for the process without any, and a journal of the default size. */
    DOCTOR_BYTES = 768,
    DOCTOR_TLS_BYTES = 13312,
    DOCTOR_PROCESS = 7 << 20,
    DOCTOR_JOURNAL = 64 << 20,
    DOCTOR_MEASURED = 10000, /* clients from which on its memory can be divided by them */
};

/* By the memory of a server that runs, what one of its clients takes, if it has enough to tell, and
 * what the journal may still grow by. */
static void doctor_measure(struct doctor *doctor, const json_t *status)
{
    const json_t *journal = json_object_get(status, "journal");
    double kept = json_number_value(json_object_get(journal, "bytes"));
    double memory = json_number_value(json_object_get(status, "memory")) - DOCTOR_PROCESS - kept;
    long each = json_object_get(status, "ktls") != NULL ? DOCTOR_TLS_BYTES : DOCTOR_BYTES;

    doctor->connected = (long)json_number_value(json_object_get(status, "clients"));
    if (doctor->connected >= DOCTOR_MEASURED && memory > 0)
        each = (long)(memory / (double)doctor->connected);
    if (doctor->user_bytes == 0)
        doctor->user_bytes = each;
    doctor->other_bytes =
        status != NULL ? (long)(json_number_value(json_object_get(journal, "max_bytes")) - kept)
                       : DOCTOR_PROCESS + DOCTOR_JOURNAL;
}

/* What a server that runs says about itself; without one the checks are of this shell's limits. */
static void doctor_ask(const struct ctl *ctl, struct doctor *doctor)
{
    json_t *status = request_json(ctl, false, "/status.json", NULL);

    if (status != NULL)
        doctor_server_check(ctl, &doctor->report);
    else
        puts("(no server answers: the limits of this shell are checked instead of the server's; "
             "stentord -t checks its configuration and its certificates)");
    doctor->pid = (long)json_integer_value(json_object_get(status, "pid"));
    doctor_measure(doctor, status);
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
