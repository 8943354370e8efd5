#include "stentor/base/mailbox.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "stentor/base/obj.h"

int mailbox_init(struct mailbox *box)
{
    box->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (box->fd < 0)
        return -errno;
    pthread_mutex_init(&box->lock, NULL);
    box->first = NULL;
    box->last = &box->first;
    atomic_init(&box->depth, 0);
    return 0;
}

void mailbox_destroy(struct mailbox *box)
{
    ENSURE(box->first == NULL);
    close(box->fd);
    pthread_mutex_destroy(&box->lock);
}

static void mailbox_wake(struct mailbox *box)
{
    uint64_t one = 1;
    ssize_t n = write(box->fd, &one, sizeof(one));

    /* EAGAIN: the counter is full, so the owner has been woken already. */
    ENSURE(n == sizeof(one) || errno == EAGAIN);
}

void mailbox_post(struct mailbox *box, struct mail *mail)
{
    int was_empty;

    mail->next = NULL;
    pthread_mutex_lock(&box->lock);
    was_empty = box->first == NULL;
    *box->last = mail;
    box->last = &mail->next;
    atomic_fetch_add_explicit(&box->depth, 1, memory_order_relaxed);
    pthread_mutex_unlock(&box->lock);
    if (was_empty)
        mailbox_wake(box);
}

static struct mail *mailbox_detach(struct mailbox *box)
{
    struct mail *list;
    uint64_t count;

    /* The counter is cleared first: a post that comes later writes it anew. */
    if (read(box->fd, &count, sizeof(count)) < 0)
        ENSURE(errno == EAGAIN);
    pthread_mutex_lock(&box->lock);
    list = box->first;
    box->first = NULL;
    box->last = &box->first;
    atomic_store_explicit(&box->depth, 0, memory_order_relaxed);
    pthread_mutex_unlock(&box->lock);
    return list;
}

unsigned mailbox_open_all(struct mailbox *box, void *owner)
{
    struct mail *mail = mailbox_detach(box);
    unsigned n = 0;

    while (mail != NULL) {
        struct mail *next = mail->next; /* open() may free the mail */
        mail->open(mail, owner);
        mail = next;
        n++;
    }
    return n;
}
