/*
 * mailbox.h - the way from one thread to another, and the only lock on a hot path.
 *
 * Any thread may post; one thread, the owner, detaches. The lock is held for a few instructions:
 * to link one mail, or to take the whole list. The eventfd is written only when the box goes from
 * empty to non-empty, so a thousand mails wake the owner once.
 *
 * A mail is embedded in what it carries; `open` is called on the owner's thread and owns the mail
 * from then on. Mails of one sender arrive in the order in which they were posted.
 */
#ifndef STENTOR_BASE_MAILBOX_H
#define STENTOR_BASE_MAILBOX_H

#include <pthread.h>
#include <stdatomic.h>

#include "stentor/base/compiler.h"

struct mail {
    struct mail *next;
    void (*open)(struct mail *mail, void *owner);
};

struct mailbox {
    pthread_mutex_t lock;
    struct mail *first;
    struct mail **last;
    atomic_uint depth; /* mails that wait; for statistics and overload checks */
    int fd;            /* eventfd, readable while the box is not empty */
};

/* 0, or a negative errno when no eventfd can be had. */
int mailbox_init(struct mailbox *box) MUST_CHECK;

/* The box must be empty. */
void mailbox_destroy(struct mailbox *box);

/* Any thread. */
void mailbox_post(struct mailbox *box, struct mail *mail);

/* The owner: opens all waiting mails in order; returns how many there were. Mails that are
 * posted meanwhile wait for the next call. */
unsigned mailbox_open_all(struct mailbox *box, void *owner);

static inline unsigned mailbox_depth(struct mailbox *box)
{
    return atomic_load_explicit(&box->depth, memory_order_relaxed);
}

#endif
