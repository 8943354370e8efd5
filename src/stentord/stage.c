#include "stage.h"

#include <errno.h>
#include <poll.h>

#include "stentor/base/loop.h"

static void stage_on_mail(evutil_socket_t fd, short events, void *arg)
{
    struct stage *stage = arg;

    (void)fd;
    (void)events;
    if (stage->before_mail != NULL)
        stage->before_mail(stage->self);
    mailbox_open_all(&stage->mailbox, stage->self);
    if (stage->after_mail != NULL)
        stage->after_mail(stage->self);
}

int stage_init(struct stage *stage, const char *name, void *self)
{
    int error = mailbox_init(&stage->mailbox);

    if (error < 0)
        return error;
    stage->name = name;
    stage->self = self;
    atomic_init(&stage->cpu_clock, STAGE_NO_CLOCK);
    stage->on_start = NULL;
    stage->before_mail = NULL;
    stage->after_mail = NULL;
    owner_take(&stage->owner);
    stage->base = loop_new();
    if (stage->base == NULL) {
        mailbox_destroy(&stage->mailbox);
        return -ENOMEM;
    }
    event_assign(&stage->mail_event, stage->base, stage->mailbox.fd, EV_READ | EV_PERSIST,
                 stage_on_mail, stage);
    return event_add(&stage->mail_event, NULL) == 0 ? 0 : -ENOMEM;
}

static void *stage_run(void *arg)
{
    struct stage *stage = arg;
    clockid_t clock;

    owner_take(&stage->owner);
    /* Threads that run already may ask for it. */
    if (pthread_getcpuclockid(pthread_self(), &clock) == 0)
        atomic_store_explicit(&stage->cpu_clock, clock, memory_order_relaxed);
    if (stage->on_start != NULL)
        stage->on_start(stage->self);
    event_base_dispatch(stage->base);
    return NULL;
}

int stage_start(struct stage *stage)
{
    int error = pthread_create(&stage->thread, NULL, stage_run, stage);

    if (error != 0)
        return -error;
    pthread_setname_np(stage->thread, stage->name);
    return 0;
}

uint64_t stage_cpu_ns(const struct stage *stage)
{
    struct timespec time;

    /* It fails for a thread that has not begun, or has ended. */
    if (clock_gettime(atomic_load_explicit(&stage->cpu_clock, memory_order_relaxed), &time) < 0)
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void stage_open_stop(struct mail *mail, void *self)
{
    struct stage *stage = CONTAINER_OF(mail, struct stage, stop);

    (void)self;
    event_base_loopbreak(stage->base);
}

void stage_stop(struct stage *stage)
{
    stage->stop.open = stage_open_stop;
    stage_post(stage, &stage->stop);
}

void stage_rest(struct stage *stage, long max_ns)
{
    struct pollfd mail = {.fd = stage->mailbox.fd, .events = POLLIN};
    const struct timespec limit = {0, max_ns};

    OWNER_ASSERT(&stage->owner);
    (void)ppoll(&mail, 1, &limit, NULL); /* however it ends, the loop goes on */
}

void stage_join(struct stage *stage)
{
    pthread_join(stage->thread, NULL);
    owner_take(&stage->owner);
}

void stage_destroy(struct stage *stage)
{
    event_del(&stage->mail_event);
    event_base_free(stage->base);
    mailbox_destroy(&stage->mailbox);
}
