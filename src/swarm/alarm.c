#include "alarm.h"

#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "stentor/base/obj.h"

#define ALARM_MAGIC 0xa1a2a517u

static void alarm_on_event(evutil_socket_t fd, short what, void *arg)
{
    struct alarm *alarm;
    uint64_t expirations;

    (void)what;
    OBJ_CAST(alarm, arg, ALARM_MAGIC);
    if (read(fd, &expirations, sizeof(expirations)) == sizeof(expirations))
        alarm->ring(alarm->arg);
}

bool alarm_open(struct alarm *alarm, struct event_base *base, void (*ring)(void *arg), void *arg)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

    if (fd < 0)
        return false;
    OBJ_INIT(alarm, ALARM_MAGIC);
    alarm->ring = ring;
    alarm->arg = arg;
    event_assign(&alarm->event, base, fd, EV_READ | EV_PERSIST, alarm_on_event, alarm);
    return event_add(&alarm->event, NULL) == 0;
}

void alarm_close(struct alarm *alarm)
{
    if (alarm->magic == 0)
        return;
    OBJ_CHECK(alarm, ALARM_MAGIC);
    event_del(&alarm->event);
    close(event_get_fd(&alarm->event));
    OBJ_CLEAR(alarm);
}

static void alarm_set_raw(struct alarm *alarm, uint64_t at_ns)
{
    struct itimerspec spec = {{0, 0}, {(time_t)(at_ns / 1000000000u), (long)(at_ns % 1000000000u)}};

    ENSURE(timerfd_settime(event_get_fd(&alarm->event), TFD_TIMER_ABSTIME, &spec, NULL) == 0);
}

void alarm_set(struct alarm *alarm, uint64_t at_ns)
{
    alarm_set_raw(alarm, at_ns > 0 ? at_ns : 1); /* 0 would mean never */
}

void alarm_cancel(struct alarm *alarm)
{
    alarm_set_raw(alarm, 0);
}
