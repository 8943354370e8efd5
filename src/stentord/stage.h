/*
 * stage.h - a thread with an event loop and a mailbox: what acceptor, I/O and broadcast share.
 *
 * The stage belongs to its thread from stage_start until stage_join; from outside only stage_post
 * and stage_stop may be called meanwhile.
 */
#ifndef STENTORD_STAGE_H
#define STENTORD_STAGE_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "stentor/base/compiler.h"
#include "stentor/base/mailbox.h"
#include "stentor/base/owner.h"

/* No clock has that number. */
#define STAGE_NO_CLOCK ((clockid_t)-1)

struct stage {
    const char *name;                /* of the thread, up to 15 characters */
    void *self;                      /* what mails are opened with */
    void (*on_start)(void *self);    /* first, on the thread; may be NULL */
    void (*before_mail)(void *self); /* before each batch of mails; may be NULL */
    void (*after_mail)(void *self);  /* after each batch of mails; may be NULL */
    struct owner owner;
    struct event_base *base;
    struct event mail_event;
    struct mailbox mailbox;
    struct mail stop;
    pthread_t thread;
    _Atomic clockid_t cpu_clock; /* of the thread; STAGE_NO_CLOCK before it runs */
};

/* Makes the event base and the mailbox. `name` must stay valid. 0 or a negative errno. */
int stage_init(struct stage *stage, const char *name, void *self) MUST_CHECK;
int stage_start(struct stage *stage) MUST_CHECK;

/* Any thread. */
static inline void stage_post(struct stage *stage, struct mail *mail)
{
    mailbox_post(&stage->mailbox, mail);
}

/* Is there mail that has not been taken yet? For its own thread, which may end early what can go on
 * later. */
static inline bool stage_has_mail(struct stage *stage)
{
    return mailbox_depth(&stage->mailbox) > 0;
}

/* Any thread: the time that the thread has had a CPU; 0 before it runs and when it has ended. */
uint64_t stage_cpu_ns(const struct stage *stage);

/* Any thread, once: the loop ends after the mails that were posted before. */
void stage_stop(struct stage *stage);

/* Its own thread, in an event: sleeps until mail comes, but not longer than that. What else comes
 * meanwhile is served in one turn. */
void stage_rest(struct stage *stage, long max_ns);

/* Waits until the thread has ended, and takes the stage over. */
void stage_join(struct stage *stage);
void stage_destroy(struct stage *stage);

#endif
