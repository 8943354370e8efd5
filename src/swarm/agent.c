#include "agent.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stentor/base/clock.h"
#include "stentor/base/loop.h"
#include "stentor/base/obj.h"

#include "bootid.h"
#include "channel.h"
#include "judge.h"
#include "options.h"
#include "payloads.h"
#include "swarm.h"

#define AGENT_MAGIC 0xa6e97a6eu
#define AGENT_STATUS_NS 100000000u

struct agent {
    unsigned magic;
    struct event_base *base;
    struct channel channel;
    struct alarm status_alarm;
    char *arguments[OPTIONS_MAX_ARGUMENTS + 2];
    uint32_t argument_count;
    struct options options;
    struct payloads payloads;
    struct role role;
    struct swarm *swarm;
    bool finished; /* the result has been sent */
};

static void agent_send(struct agent *agent, enum channel_type type, struct strbuf *bytes)
{
    channel_send(&agent->channel, type, bytes);
    strbuf_free(bytes);
}

static void agent_refuse(struct agent *agent, const char *why)
{
    struct strbuf bytes = STRBUF_INIT;
    struct archive archive = archive_writer(&bytes);
    char text[RESULT_MAX_TEXT];

    snprintf(text, sizeof(text), "%s", why);
    archive_text(&archive, text, sizeof(text));
    agent_send(agent, CHANNEL_REFUSED, &bytes);
}

static void agent_send_status(struct agent *agent)
{
    struct strbuf bytes = STRBUF_INIT;
    struct archive archive = archive_writer(&bytes);
    struct status status = swarm_status(agent->swarm);

    status_archive(&archive, &status);
    agent_send(agent, CHANNEL_STATUS, &bytes);
}

static void agent_send_note(void *arg, uint32_t to, const struct strbuf *note)
{
    struct strbuf bytes = STRBUF_INIT;
    struct archive archive = archive_writer(&bytes);
    struct span text = {note->data, note->len};

    archive_u32(&archive, &to);
    archive_bytes(&archive, &text);
    agent_send(arg, CHANNEL_NOTE, &bytes);
}

static void agent_send_notes(struct agent *agent)
{
    if (agent->swarm != NULL && agent->options.directed > 0)
        peers_flush(&agent->swarm->directed.peers, agent_send_note, agent);
}

static void agent_on_status_due(void *arg)
{
    struct agent *agent;

    OBJ_CAST(agent, arg, AGENT_MAGIC);
    if (agent->finished && channel_idle(&agent->channel)) {
        event_base_loopbreak(agent->base);
        return;
    }
    if (!agent->finished) {
        agent_send_notes(agent);
        agent_send_status(agent);
    }
    alarm_set(&agent->status_alarm, clock_ns() + AGENT_STATUS_NS);
}

/* --- What the controller says. */

static bool agent_read_arguments(struct agent *agent, struct archive *archive)
{
    struct span text;

    archive_count(archive, &agent->argument_count, OPTIONS_MAX_ARGUMENTS);
    for (uint32_t i = 0; i < agent->argument_count && !archive->failed; i++) {
        text = (struct span){"", 0};
        archive_bytes(archive, &text);
        agent->arguments[i] = strndup(text.ptr, text.len);
        ENSURE(agent->arguments[i] != NULL);
    }
    return !archive->failed;
}

static const char *agent_set_up(struct agent *agent, struct archive *archive)
{
    char version[32] = "", error[PAYLOADS_MAX_ERROR];
    struct span payloads = {"", 0};

    archive_text(archive, version, sizeof(version));
    if (archive->failed || strcmp(version, STENTOR_VERSION) != 0)
        return "it has another version: " STENTOR_VERSION;
    if (agent->argument_count > 0 || !agent_read_arguments(agent, archive))
        return "the arguments make no sense";
    archive_bytes(archive, &payloads);
    if (!archive_complete(archive) ||
        options_parse(&agent->options, (int)agent->argument_count, agent->arguments) != OPTIONS_RUN)
        return "the arguments make no sense";
    payloads_init(&agent->payloads, agent->options.payload);
    if (payloads.len > 0 && !payloads_take(&agent->payloads, payloads, error))
        return "the payloads make no sense";
    return NULL;
}

static void agent_on_setup(struct agent *agent, struct archive *archive)
{
    struct strbuf bytes = STRBUF_INIT;
    struct archive hello = archive_writer(&bytes);
    const char *why = agent_set_up(agent, archive);
    char id[BOOTID_LEN];

    if (why != NULL) {
        agent_refuse(agent, why);
        return;
    }
    bootid_read(id);
    archive_text(&hello, id, sizeof(id));
    agent_send(agent, CHANNEL_HELLO, &bytes);
}

static void agent_on_clock(struct agent *agent, struct archive *archive)
{
    struct strbuf bytes = STRBUF_INIT;
    struct archive answer = archive_writer(&bytes);
    uint64_t theirs = 0, ours = clock_ns();

    /* After the run none must be missing when the results are asked for. */
    agent_send_notes(agent);
    archive_u64(archive, &theirs);
    archive_u64(&answer, &theirs);
    archive_u64(&answer, &ours);
    agent_send(agent, CHANNEL_CLOCK, &bytes);
}

static void agent_on_role(struct agent *agent, struct archive *archive)
{
    struct strbuf bytes = STRBUF_INIT;
    struct role *role = &agent->role;
    const char *error = "the role makes no sense";

    archive_u32(archive, &role->index);
    archive_u32(archive, &role->count);
    archive_bool(archive, &role->publishes);
    archive_i64(archive, &role->offset_ns);
    if (archive_complete(archive) && role->index < role->count &&
        role->count <= RESULT_MAX_AGENTS && role->count <= agent->options.clients &&
        agent->swarm == NULL)
        agent->swarm = swarm_new(agent->base, &agent->options, role, &agent->payloads, &error);
    if (agent->swarm == NULL) {
        agent_refuse(agent, error);
        return;
    }
    crowd_warn(agent->swarm->crowd);
    agent_send(agent, CHANNEL_READY, &bytes);
    alarm_set(&agent->status_alarm, 1);
}

static void agent_on_begin(struct agent *agent, struct archive *archive)
{
    uint32_t phase = 0, round = 0;
    uint64_t at_ns = 0;

    archive_u32(archive, &phase);
    archive_u32(archive, &round);
    archive_u64(archive, &at_ns);
    if (archive_complete(archive) && phase < PHASE_COUNT &&
        (round < agent->options.plan.count || phase != PHASE_ROUND))
        swarm_begin(agent->swarm, (enum phase)phase, round, at_ns);
}

static void agent_on_note(struct agent *agent, struct archive *archive)
{
    struct span note = {"", 0};
    uint32_t from = 0;

    archive_u32(archive, &from);
    archive_bytes(archive, &note);
    if (!archive_complete(archive) || !directed_take_note(&agent->swarm->directed, note))
        agent_refuse(agent, "a note of another agent makes no sense");
}

/* Nothing is a question for them. */
static void agent_on_answers(struct agent *agent, struct archive *archive)
{
    struct strbuf bytes = STRBUF_INIT, answers = STRBUF_INIT;
    struct archive answer = archive_writer(&bytes);
    struct span given = {"", 0};

    if (archive->in.len > 0) {
        archive_bytes(archive, &given);
        swarm_take_answers(agent->swarm, given);
        return;
    }
    swarm_append_answers(agent->swarm, &answers);
    given = (struct span){answers.data != NULL ? answers.data : "", answers.len};
    archive_bytes(&answer, &given);
    agent_send(agent, CHANNEL_ANSWERS, &bytes);
    strbuf_free(&answers);
}

static void agent_on_finish(struct agent *agent)
{
    struct strbuf bytes = STRBUF_INIT;
    struct archive archive = archive_writer(&bytes);

    result_archive(&archive, swarm_finish(agent->swarm));
    agent->finished = true;
    agent_send(agent, CHANNEL_RESULT, &bytes);
    alarm_set(&agent->status_alarm, 1);
}

static void agent_on_message(void *arg, enum channel_type type, struct span bytes)
{
    struct archive archive = archive_reader(bytes);
    struct agent *agent;

    OBJ_CAST(agent, arg, AGENT_MAGIC);
    if (type == CHANNEL_SETUP)
        agent_on_setup(agent, &archive);
    else if (type == CHANNEL_CLOCK)
        agent_on_clock(agent, &archive);
    else if (type == CHANNEL_ROLE)
        agent_on_role(agent, &archive);
    else if (agent->swarm == NULL || agent->finished)
        agent_refuse(agent, "the messages come in the wrong order");
    else if (type == CHANNEL_BEGIN)
        agent_on_begin(agent, &archive);
    else if (type == CHANNEL_NOTE)
        agent_on_note(agent, &archive);
    else if (type == CHANNEL_ANSWERS)
        agent_on_answers(agent, &archive);
    else if (type == CHANNEL_FINISH)
        agent_on_finish(agent);
}

static void agent_on_end(void *arg, const char *why)
{
    struct agent *agent;

    (void)why;
    OBJ_CAST(agent, arg, AGENT_MAGIC);
    event_base_loopbreak(agent->base);
}

static bool agent_open(struct agent *agent)
{
    agent->base = loop_new();
    if (agent->base == NULL ||
        !alarm_open(&agent->status_alarm, agent->base, agent_on_status_due, agent))
        return false;
    agent->channel.on_message = agent_on_message;
    agent->channel.on_end = agent_on_end;
    agent->channel.arg = agent;
    channel_open(&agent->channel, agent->base, STDIN_FILENO, STDOUT_FILENO);
    return true;
}

static void agent_close(struct agent *agent)
{
    swarm_free(&agent->swarm);
    payloads_free(&agent->payloads);
    channel_close(&agent->channel);
    alarm_close(&agent->status_alarm);
    if (agent->base != NULL)
        event_base_free(agent->base);
    for (uint32_t i = 0; i < agent->argument_count; i++)
        free(agent->arguments[i]);
}

int agent_main(int argc, char **argv)
{
    static struct agent agent = {.magic = AGENT_MAGIC};
    int status = JUDGE_FAILED;

    (void)argv;
    if (argc > 1 || isatty(STDIN_FILENO)) {
        fputs("stentor-swarm: agent is for stentor-swarm run --on to start\n", stderr);
        return JUDGE_USAGE;
    }
    signal(SIGINT, SIG_IGN); /* the controller says when it is over */
    if (agent_open(&agent)) {
        event_base_dispatch(agent.base);
        status = agent.finished ? JUDGE_PASSED : JUDGE_FAILED;
    }
    agent_close(&agent);
    return status;
}
