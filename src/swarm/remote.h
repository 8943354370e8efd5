/*
 * remote.h - one agent as its controller sees it: its process, its clock, where it stands.
 *
 * Lifetime: remote_start; then it says hello, its clock is compared with ours, it is given its
 * role, and is ready; from then on it performs what its conductor says, and at the end it gives its
 * result. Whenever it ends, refuses or is silent for too long, it is gone, and `ended` says why.
 * A remote belongs to its controller; one thread.
 */
#ifndef STENTOR_SWARM_REMOTE_H
#define STENTOR_SWARM_REMOTE_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "stentor/base/compiler.h"

#include "bootid.h"
#include "channel.h"
#include "conductor.h"
#include "result.h"
#include "role.h"

enum remote_state {
    REMOTE_STARTING,
    REMOTE_COMPARING, /* clocks */
    REMOTE_COMPARED,
    REMOTE_READY,
    REMOTE_DONE, /* its result is here */
};

struct remote {
    unsigned magic;
    char name[64];
    enum remote_state state;
    struct channel channel;
    struct performer performer;
    pid_t pid; /* 0: none */
    uint64_t heard_ns;
    char bootid[BOOTID_LEN];
    bool same_clock;   /* as ours */
    int64_t offset_ns; /* how far its clock is ahead of ours, by the best comparison */
    uint64_t rtt_ns;   /* of that one */
    unsigned compared;
    int64_t end_offset_ns; /* the same after the run */
    uint64_t end_rtt_ns;
    unsigned end_compared;
    /* It has a note for another agent, or for all of them: `to` is PEERS_ALL. */
    void (*on_note)(void *arg, struct remote *remote, uint32_t to, struct span note);
    void *arg;
    struct strbuf answers; /* that it knows, if it publishes */
    bool has_answers;
    struct result *result;       /* that it has given; NULL: none yet */
    char ended[RESULT_MAX_TEXT]; /* why it is gone */
    const struct options *options;
};

/* Starts it by a command for the shell; on false `ended` says why not. */
bool remote_start(struct remote *remote, struct event_base *base, const char *name,
                  const char *command, const struct options *options) MUST_CHECK;
void remote_free(struct remote *remote);

/* Tells it what it is to do. */
void remote_set_up(struct remote *remote, struct span payloads);
void remote_give_role(struct remote *remote, const struct role *role);

/* Compares the clocks once more. */
void remote_compare(struct remote *remote);
/* Gives it a note of agent number `from`. */
void remote_give_note(struct remote *remote, uint32_t from, struct span note);

void remote_ask_answers(struct remote *remote);
void remote_give_answers(struct remote *remote, const struct strbuf *answers);
void remote_finish(struct remote *remote);

/* It does not take part any more. */
void remote_give_up(struct remote *remote, const char *why);

/* Gives it up if it has not said anything for that long. */
void remote_check_silence(struct remote *remote, uint64_t now_ns, uint64_t limit_ns);

#endif
