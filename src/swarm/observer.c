#include "observer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stentor/base/clock.h"
#include "stentor/base/obj.h"

#include "requests.h"

#define OBSERVER_MAGIC 0x0b5e4e40u
#define OBSERVER_INTERVAL_NS 250000000u

enum { OBSERVER_MAX_REFUSALS = 3, OBSERVER_OK = 200 };

struct observer {
    unsigned magic;
    const struct options *options;
    struct proc proc;
    bool has_proc;
    struct requests *requests; /* NULL: none are sent, or not any more */
    struct strbuf request;
    uint64_t next_ns;
    unsigned refusals; /* in a row */
    struct observation newest;
};

/* The sum of a metric's values, whatever their labels; false when it is not there. */
static bool observer_value(const char *text, const char *name, double *value, unsigned *count)
{
    size_t len = strlen(name);

    *value = 0;
    *count = 0;
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        const char *labels;

        line += *line == '\n';
        labels = line + len;
        if (strncmp(line, name, len) != 0 || (*labels != ' ' && *labels != '{'))
            continue;
        if (*labels == '{')
            labels += strcspn(labels, "}\n");
        *value += strtod(labels + (*labels == '}'), NULL);
        (*count)++;
    }
    return *count > 0 && *value >= 0 && *value < 1e18;
}

/* Stentor's own metrics have a line for each thread. */
static void observer_take(struct observer *observer, struct strbuf *body)
{
    const char *text = strbuf_cstr(body);
    struct proc_usage *usage = &observer->newest.process;
    unsigned count, threads = 0;
    double cpu, value;

    if (!observer_value(text, "process_cpu_seconds_total", &cpu, &count) &&
        !observer_value(text, "stentor_thread_cpu_seconds_total", &cpu, &threads)) {
        observer->refusals++;
        return;
    }
    observer->refusals = 0;
    *usage = (struct proc_usage){
        .time_ns = clock_ns(), .cpu_ns = (uint64_t)(cpu * 1e9), .threads = threads};
    if (observer_value(text, "process_resident_memory_bytes", &value, &count) ||
        observer_value(text, "stentor_memory_bytes", &value, &count))
        usage->rss = (uint64_t)value;
}

static void observer_on_outcome(void *arg, const struct requests_outcome *outcome)
{
    struct observer *observer;

    OBJ_CAST(observer, arg, OBSERVER_MAGIC);
    if (outcome->answer != NULL && outcome->answer->parser.status_code == OBSERVER_OK) {
        struct strbuf body = STRBUF_INIT; /* the answer's own is not ours to change */

        strbuf_append(&body, outcome->answer->body.data, outcome->answer->body.len);
        observer_take(observer, &body);
        strbuf_free(&body);
    } else {
        observer->refusals++;
    }
}

static bool observer_open_metrics(struct observer *observer, struct event_base *base,
                                  const char **error)
{
    const struct options *options = observer->options;
    const struct url *url = &options->metrics;
    const char *path = options->metrics.path[0] != '\0' ? options->metrics.path : "/metrics";

    strbuf_printf(&observer->request, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/plain\r\n", path,
                  url->authority);
    if (options->key != NULL)
        strbuf_printf(&observer->request, "Authorization: Bearer %s\r\n", options->key);
    strbuf_append_str(&observer->request, "\r\n");
    observer->requests = requests_new(base, url, &options->tls, error);
    if (observer->requests == NULL)
        return false;
    observer->requests->on_outcome = observer_on_outcome;
    observer->requests->arg = observer;
    return !observer->request.failed;
}

struct observer *observer_new(struct event_base *base, const struct options *options,
                              const char **error)
{
    struct observer *observer = calloc(1, sizeof(*observer));
    bool ok;

    *error = "out of memory";
    if (observer == NULL)
        return NULL;
    OBJ_INIT(observer, OBSERVER_MAGIC);
    observer->options = options;
    if (options->pid != 0) {
        *error = "--pid: there is no such process";
        ok = observer->has_proc = proc_open(&observer->proc, options->pid) == 0;
    } else {
        ok = options->metrics.host[0] == '\0' || observer_open_metrics(observer, base, error);
    }
    if (!ok)
        observer_free(&observer);
    return observer;
}

void observer_free(struct observer **observer)
{
    struct observer *old = *observer;

    if (old == NULL)
        return;
    OBJ_CHECK(old, OBSERVER_MAGIC);
    if (old->has_proc)
        proc_close(&old->proc);
    requests_free(&old->requests);
    strbuf_free(&old->request);
    OBJ_CLEAR(old);
    free(old);
    *observer = NULL;
}

/* A server that does not have it is not asked again and again. */
void observer_tick(struct observer *observer, uint64_t now_ns)
{
    if (observer->requests == NULL || now_ns < observer->next_ns)
        return;
    if (observer->refusals >= OBSERVER_MAX_REFUSALS) {
        requests_free(&observer->requests);
        return;
    }
    observer->next_ns = now_ns + OBSERVER_INTERVAL_NS;
    if (observer->requests->waiting == 0)
        requests_send(observer->requests, 0, &observer->request);
}

struct observation observer_look(struct observer *observer)
{
    struct observation observation = observer->newest;

    if (observer->has_proc) {
        if (!proc_read(&observer->proc, &observation.process))
            observation.process = (struct proc_usage){.time_ns = 0};
        observation.sockets = proc_socket_memory();
    }
    return observation;
}

void observer_archive(struct archive *archive, struct observation *observation)
{
    struct proc_usage *usage = &observation->process;

    archive_u64(archive, &usage->time_ns);
    archive_u64(archive, &usage->cpu_ns);
    archive_u64(archive, &usage->rss);
    archive_u64(archive, &usage->pss);
    archive_u64(archive, &usage->switches);
    archive_u64(archive, &usage->wait_ns);
    archive_u32(archive, &usage->threads);
    archive_u64(archive, &observation->sockets);
}
