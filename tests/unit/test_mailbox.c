#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "stentor/base/mailbox.h"

enum { PRODUCERS = 8, MAILS = 20000, PATIENCE_MS = 30000 };

struct letter {
    struct mail mail;
    unsigned sender;
    unsigned number;
};

struct inbox {
    struct mailbox box;
    unsigned next[PRODUCERS]; /* the number that is due from each sender */
    unsigned received;
    unsigned disorder;
    struct letter *repost; /* posted from within an open(), once */
};

static void open_letter(struct mail *mail, void *owner)
{
    struct letter *letter = CONTAINER_OF(mail, struct letter, mail);
    struct inbox *inbox = owner;

    if (letter->number != inbox->next[letter->sender]++)
        inbox->disorder++;
    inbox->received++;
    if (inbox->repost != NULL) {
        struct letter *again = inbox->repost;
        inbox->repost = NULL;
        mailbox_post(&inbox->box, &again->mail);
    }
    free(letter);
}

static struct letter *letter_new(unsigned sender, unsigned number)
{
    struct letter *letter = malloc(sizeof(*letter));

    if (letter == NULL)
        abort(); /* assertions must not be used in the producers' threads */
    *letter = (struct letter){.mail.open = open_letter, .sender = sender, .number = number};
    return letter;
}

/* How often the eventfd was written since it was read last. */
static uint64_t wake_ups(const struct mailbox *box)
{
    uint64_t count = 0;

    if (read(box->fd, &count, sizeof(count)) < 0)
        assert_int_equal(errno, EAGAIN);
    return count;
}

static void wakes_once_per_filling(void **state)
{
    struct inbox inbox = {0};

    (void)state;
    assert_int_equal(mailbox_init(&inbox.box), 0);
    assert_int_equal(wake_ups(&inbox.box), 0);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 5; i++)
            mailbox_post(&inbox.box, &letter_new(0, round * 5 + i)->mail);
        assert_int_equal(mailbox_depth(&inbox.box), 5);
        assert_int_equal(wake_ups(&inbox.box), 1);
        assert_int_equal(mailbox_open_all(&inbox.box, &inbox), 5);
        assert_int_equal(mailbox_depth(&inbox.box), 0);
    }
    assert_int_equal(inbox.received, 15);
    assert_int_equal(inbox.disorder, 0);
    mailbox_destroy(&inbox.box);
}

static void opening_clears_the_wake_up(void **state)
{
    struct inbox inbox = {0};
    struct pollfd poller;

    (void)state;
    assert_int_equal(mailbox_init(&inbox.box), 0);
    poller = (struct pollfd){.fd = inbox.box.fd, .events = POLLIN};
    assert_int_equal(mailbox_open_all(&inbox.box, &inbox), 0);
    assert_int_equal(poll(&poller, 1, 0), 0);
    mailbox_post(&inbox.box, &letter_new(0, 0)->mail);
    assert_int_equal(poll(&poller, 1, 0), 1);
    assert_int_equal(mailbox_open_all(&inbox.box, &inbox), 1);
    assert_int_equal(poll(&poller, 1, 0), 0);
    mailbox_destroy(&inbox.box);
}

/* A mail that is posted while mails are opened waits for the next call, and wakes. */
static void mail_posted_meanwhile_waits(void **state)
{
    struct inbox inbox = {0};

    (void)state;
    assert_int_equal(mailbox_init(&inbox.box), 0);
    inbox.repost = letter_new(0, 2);
    mailbox_post(&inbox.box, &letter_new(0, 0)->mail);
    mailbox_post(&inbox.box, &letter_new(0, 1)->mail);
    assert_int_equal(mailbox_open_all(&inbox.box, &inbox), 2);
    assert_int_equal(mailbox_depth(&inbox.box), 1);
    assert_int_equal(wake_ups(&inbox.box), 1);
    assert_int_equal(mailbox_open_all(&inbox.box, &inbox), 1);
    assert_int_equal(inbox.disorder, 0);
    mailbox_destroy(&inbox.box);
}

struct producer {
    pthread_t thread;
    struct mailbox *box;
    unsigned sender;
};

static void *produce(void *arg)
{
    struct producer *producer = arg;

    for (unsigned i = 0; i < MAILS; i++)
        mailbox_post(producer->box, &letter_new(producer->sender, i)->mail);
    return NULL;
}

/* The owner only ever looks after a wake-up: a lost one shows as a poll that takes too long. */
static void nothing_is_lost_between_threads(void **state)
{
    struct inbox inbox = {0};
    struct producer producers[PRODUCERS];
    struct pollfd poller;
    unsigned opened = 0;

    (void)state;
    assert_int_equal(mailbox_init(&inbox.box), 0);
    poller = (struct pollfd){.fd = inbox.box.fd, .events = POLLIN};
    for (unsigned i = 0; i < PRODUCERS; i++) {
        producers[i].box = &inbox.box;
        producers[i].sender = i;
        assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
    }
    while (inbox.received < PRODUCERS * MAILS) {
        assert_int_equal(poll(&poller, 1, PATIENCE_MS), 1);
        opened += mailbox_open_all(&inbox.box, &inbox);
    }
    for (unsigned i = 0; i < PRODUCERS; i++) {
        pthread_join(producers[i].thread, NULL);
        assert_int_equal(inbox.next[i], MAILS);
    }
    assert_int_equal(opened, PRODUCERS * MAILS);
    assert_int_equal(inbox.disorder, 0);
    assert_int_equal(mailbox_depth(&inbox.box), 0);
    mailbox_destroy(&inbox.box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wakes_once_per_filling),
        cmocka_unit_test(opening_clears_the_wake_up),
        cmocka_unit_test(mail_posted_meanwhile_waits),
        cmocka_unit_test(nothing_is_lost_between_threads),
    };

    return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
