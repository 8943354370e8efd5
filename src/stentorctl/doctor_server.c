#include "doctor_server.h"

#include <jansson.h>
#include <time.h>

#include "request.h"

enum { DOCTOR_SOON_DAYS = 14 };

/* A line each for what the server has found. */
static void doctor_server_lines(struct doctor_report *report, enum doctor_grade grade,
                                const json_t *lines)
{
    const char *line;
    size_t i;

    for (i = 0; i < json_array_size(lines); i++)
        if ((line = json_string_value(json_array_get(lines, i))) != NULL)
            doctor_report(report, grade, "configuration", "%s", line);
}

static void doctor_server_configuration(struct doctor_report *report, const json_t *answer)
{
    const json_t *mistakes = json_object_get(answer, "mistakes");
    const json_t *warnings = json_object_get(answer, "warnings");
    const char *file = json_string_value(json_object_get(answer, "file"));

    doctor_server_lines(report, DOCTOR_WRONG, mistakes);
    doctor_server_lines(report, DOCTOR_WARNING, warnings);
    if (json_array_size(mistakes) == 0 && json_array_size(warnings) == 0)
        doctor_report(report, DOCTOR_OK, "configuration", "%s can be read again, with all it names",
                      file != NULL ? file : "");
}

/* The certificate that expires first; that its key matches and its chain is whole has been checked
 * with the configuration. */
static void doctor_server_certificates(struct doctor_report *report, const json_t *certificates)
{
    json_int_t first = 0;
    const char *file = "";
    size_t count = json_array_size(certificates);

    for (size_t i = 0; i < count; i++) {
        const json_t *certificate = json_array_get(certificates, i);
        json_int_t expires = json_integer_value(json_object_get(certificate, "expires"));
        const char *name = json_string_value(json_object_get(certificate, "file"));

        if (i > 0 && expires >= first)
            continue;
        first = expires;
        file = name != NULL ? name : "";
    }
    json_int_t days = (first - (json_int_t)time(NULL)) / 86400;
    if (count == 0)
        doctor_report(report, DOCTOR_OK, "certificates", "none: no listener has TLS");
    else if (first <= (json_int_t)time(NULL))
        doctor_report(report, DOCTOR_WRONG, "certificates",
                      "%s has expired, and clients refuse it: renew it, and reload", file);
    else
        doctor_report(report, days < DOCTOR_SOON_DAYS ? DOCTOR_WARNING : DOCTOR_OK, "certificates",
                      "%zu; the first to expire is %s, in %lld days", count, file, (long long)days);
}

void doctor_server_check(const struct ctl *ctl, struct doctor_report *report)
{
    json_t *answer = request_json(ctl, false, "/check", NULL);

    if (answer == NULL)
        return;
    doctor_server_configuration(report, answer);
    doctor_server_certificates(report, json_object_get(answer, "certificates"));
    json_decref(answer);
}
