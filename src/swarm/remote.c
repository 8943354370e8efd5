#include "remote.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stentor/base/clock.h"
#include "stentor/base/obj.h"

#define REMOTE_MAGIC 0x4e307e00u

extern char **environ;

void remote_give_up(struct remote *remote, const char *why)
{
    if (remote->performer.gone || remote->state == REMOTE_DONE)
        return;
    remote->performer.gone = true;
    snprintf(remote->ended, sizeof(remote->ended), "%s", why);
    if (remote->pid > 0)
        kill(remote->pid, SIGTERM);
}

/* --- What it says. */

static void remote_take_clock(struct remote *remote, struct archive *archive)
{
    uint64_t sent = 0, theirs = 0, now = clock_ns(), rtt;
    int64_t offset;

    archive_u64(archive, &sent);
    archive_u64(archive, &theirs);
    if (!archive_complete(archive) || sent > now)
        return;
    rtt = now - sent;
    offset = (int64_t)(theirs - sent - rtt / 2);
    if (remote->state < REMOTE_READY) {
        if (remote->compared++ == 0 || rtt < remote->rtt_ns) {
            remote->rtt_ns = rtt;
            remote->offset_ns = remote->same_clock ? 0 : offset;
        }
    } else if (remote->end_compared++ == 0 || rtt < remote->end_rtt_ns) {
        remote->end_rtt_ns = rtt;
        remote->end_offset_ns = remote->same_clock ? 0 : offset;
    }
}

static void remote_take_hello(struct remote *remote, struct archive *archive)
{
    char ours[BOOTID_LEN];

    archive_text(archive, remote->bootid, sizeof(remote->bootid));
    bootid_read(ours);
    remote->same_clock = ours[0] != '\0' && strcmp(ours, remote->bootid) == 0;
    remote->state = REMOTE_COMPARING;
}

static void remote_take_result(struct remote *remote, struct archive *archive)
{
    remote->result = calloc(1, sizeof(*remote->result));
    ENSURE(remote->result != NULL &&
           result_init(remote->result, remote->options->plan.count, remote->options->mix.count));
    result_archive(archive, remote->result);
    if (!archive_complete(archive))
        remote_give_up(remote, "its result makes no sense");
    else
        remote->state = REMOTE_DONE;
}

static void remote_take_refusal(struct remote *remote, struct archive *archive)
{
    char why[RESULT_MAX_TEXT] = "it refused";

    archive_text(archive, why, sizeof(why));
    remote_give_up(remote, why);
}

static void remote_take_answers(struct remote *remote, struct archive *archive)
{
    struct span answers = {"", 0};

    archive_bytes(archive, &answers);
    strbuf_clear(&remote->answers);
    strbuf_append(&remote->answers, answers.ptr, answers.len);
    remote->has_answers = true;
}

static void remote_take_note(struct remote *remote, struct archive *archive)
{
    struct span note = {"", 0};
    uint32_t to = 0;

    archive_u32(archive, &to);
    archive_bytes(archive, &note);
    if (archive_complete(archive))
        remote->on_note(remote->arg, remote, to, note);
    else
        remote_give_up(remote, "its notes make no sense");
}

static void remote_on_message(void *arg, enum channel_type type, struct span bytes)
{
    struct archive archive = archive_reader(bytes);
    struct remote *remote;

    OBJ_CAST(remote, arg, REMOTE_MAGIC);
    remote->heard_ns = clock_ns();
    switch (type) {
    case CHANNEL_HELLO:
        remote_take_hello(remote, &archive);
        break;
    case CHANNEL_CLOCK:
        remote_take_clock(remote, &archive);
        break;
    case CHANNEL_READY:
        remote->state = REMOTE_READY;
        break;
    case CHANNEL_REFUSED:
        remote_take_refusal(remote, &archive);
        break;
    case CHANNEL_STATUS:
        status_archive(&archive, &remote->performer.status);
        break;
    case CHANNEL_NOTE:
        remote_take_note(remote, &archive);
        break;
    case CHANNEL_ANSWERS:
        remote_take_answers(remote, &archive);
        break;
    case CHANNEL_RESULT:
        if (remote->result == NULL)
            remote_take_result(remote, &archive);
        break;
    default:
        break;
    }
}

/* Its exit status says more than that it has ended. */
static void remote_on_end(void *arg, const char *why)
{
    char text[RESULT_MAX_TEXT];
    struct remote *remote;
    int status;

    OBJ_CAST(remote, arg, REMOTE_MAGIC);
    snprintf(text, sizeof(text), "%s", why);
    if (remote->pid > 0 && !remote->performer.gone && remote->state != REMOTE_DONE) {
        usleep(20000); /* it closes its output before it exits */
        if (waitpid(remote->pid, &status, WNOHANG) == remote->pid) {
            remote->pid = 0;
            if (WIFSIGNALED(status))
                snprintf(text, sizeof(text), "it was ended by signal %d", WTERMSIG(status));
            else
                snprintf(text, sizeof(text), "it ended with status %d", WEXITSTATUS(status));
        }
    }
    remote_give_up(remote, text);
}

/* --- What it is told. */

static void remote_send(struct remote *remote, enum channel_type type, struct strbuf *bytes)
{
    channel_send(&remote->channel, type, bytes);
    strbuf_free(bytes);
}

static void remote_add_argument(struct archive *archive, const char *text)
{
    struct span argument = {text, strlen(text)};

    archive_bytes(archive, &argument);
}

/* The key may have come from our environment, which is not the agent's. */
void remote_set_up(struct remote *remote, struct span payloads)
{
    const struct options *options = remote->options;
    uint32_t given = (uint32_t)options->argument_count;
    uint32_t count = given + (options->key != NULL ? 2 : 0);
    struct strbuf bytes = STRBUF_INIT;
    struct archive archive = archive_writer(&bytes);
    char version[32] = STENTOR_VERSION;

    archive_text(&archive, version, sizeof(version));
    archive_count(&archive, &count, OPTIONS_MAX_ARGUMENTS);
    for (uint32_t i = 0; i < given; i++) {
        remote_add_argument(&archive, options->arguments[i]);
        if (i > 0 || options->key == NULL)
            continue;
        remote_add_argument(&archive, "--key"); /* behind the program's name */
        remote_add_argument(&archive, options->key);
    }
    archive_bytes(&archive, &payloads);
    remote_send(remote, CHANNEL_SETUP, &bytes);
}

void remote_compare(struct remote *remote)
{
    struct strbuf bytes = STRBUF_INIT;
    struct archive archive = archive_writer(&bytes);
    uint64_t now = clock_ns();

    archive_u64(&archive, &now);
    remote_send(remote, CHANNEL_CLOCK, &bytes);
}

void remote_give_role(struct remote *remote, const struct role *role)
{
    struct role copy = *role;
    struct strbuf bytes = STRBUF_INIT;
    struct archive archive = archive_writer(&bytes);

    archive_u32(&archive, &copy.index);
    archive_u32(&archive, &copy.count);
    archive_bool(&archive, &copy.publishes);
    archive_i64(&archive, &copy.offset_ns);
    remote_send(remote, CHANNEL_ROLE, &bytes);
}

static void remote_begin(struct performer *performer, enum phase phase, unsigned round,
                         uint64_t at_ns)
{
    struct remote *remote = CONTAINER_OF(performer, struct remote, performer);
    struct strbuf bytes = STRBUF_INIT;
    struct archive archive = archive_writer(&bytes);
    uint64_t theirs = at_ns + (uint64_t)remote->offset_ns;
    uint32_t number = phase;

    archive_u32(&archive, &number);
    archive_u32(&archive, &round);
    archive_u64(&archive, &theirs);
    remote_send(remote, CHANNEL_BEGIN, &bytes);
}

void remote_give_note(struct remote *remote, uint32_t from, struct span note)
{
    struct strbuf bytes = STRBUF_INIT;
    struct archive archive = archive_writer(&bytes);

    archive_u32(&archive, &from);
    archive_bytes(&archive, &note);
    remote_send(remote, CHANNEL_NOTE, &bytes);
}

void remote_ask_answers(struct remote *remote)
{
    struct strbuf bytes = STRBUF_INIT;

    remote_send(remote, CHANNEL_ANSWERS, &bytes);
}

void remote_give_answers(struct remote *remote, const struct strbuf *answers)
{
    struct strbuf bytes = STRBUF_INIT;
    struct archive archive = archive_writer(&bytes);
    struct span text = {answers->data != NULL ? answers->data : "", answers->len};

    archive_bytes(&archive, &text);
    remote_send(remote, CHANNEL_ANSWERS, &bytes);
}

void remote_finish(struct remote *remote)
{
    struct strbuf bytes = STRBUF_INIT;

    remote_send(remote, CHANNEL_FINISH, &bytes);
}

void remote_check_silence(struct remote *remote, uint64_t now_ns, uint64_t limit_ns)
{
    char why[RESULT_MAX_TEXT];

    if (now_ns < remote->heard_ns + limit_ns)
        return;
    snprintf(why, sizeof(why), "nothing was heard of it for %.0f s", (double)limit_ns / 1e9);
    remote_give_up(remote, why);
}

/* --- Its process. */

/* In a process group of its own: an interrupt at the terminal is for us alone. */
static int remote_spawn(pid_t *pid, const char *command, int in, int out)
{
    char *arguments[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
                         (char *)(uintptr_t)command, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes, 0);
    error = posix_spawn(pid, "/bin/sh", &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

bool remote_start(struct remote *remote, struct event_base *base, const char *name,
                  const char *command, const struct options *options)
{
    int to[2] = {-1, -1}, from[2] = {-1, -1}, error = 0;

    memset(remote, 0, sizeof(*remote));
    OBJ_INIT(remote, REMOTE_MAGIC);
    snprintf(remote->name, sizeof(remote->name), "%s", name);
    remote->options = options;
    remote->performer.begin = remote_begin;
    remote->heard_ns = clock_ns();
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
        error = errno;
    else
        error = remote_spawn(&remote->pid, command, to[0], from[1]);
    if (to[0] >= 0)
        close(to[0]);
    if (from[1] >= 0)
        close(from[1]);
    if (error != 0) {
        if (to[1] >= 0)
            close(to[1]);
        if (from[0] >= 0)
            close(from[0]);
        remote->pid = 0;
        remote_give_up(remote, strerror(error));
        return false;
    }
    remote->channel.on_message = remote_on_message;
    remote->channel.on_end = remote_on_end;
    remote->channel.arg = remote;
    channel_open(&remote->channel, base, from[0], to[1]);
    return true;
}

/* Its input ends, and so does it; if not, it is made to. */
void remote_free(struct remote *remote)
{
    channel_close(&remote->channel);
    for (unsigned i = 0; remote->pid > 0 && i < 200; i++) {
        if (waitpid(remote->pid, NULL, WNOHANG) != 0)
            remote->pid = 0;
        else
            usleep(10000);
    }
    if (remote->pid > 0) {
        kill(remote->pid, SIGKILL);
        waitpid(remote->pid, NULL, 0);
    }
    strbuf_free(&remote->answers);
    if (remote->result != NULL)
        result_free(remote->result);
    free(remote->result);
    OBJ_CLEAR(remote);
}
