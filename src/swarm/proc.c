#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static bool proc_read_memory(int fd, uint64_t *bytes)
{
    char text[4096];
    const char *line;
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    if (n <= 0)
        return false;
    text[n] = '\0';
    line = strstr(text, "\nRss:"); /* smaps_rollup */
    if (line == NULL)
        line = strstr(text, "\nVmRSS:"); /* status */
    if (line == NULL)
        return false;
    *bytes = strtoull(strchr(line, ':') + 1, NULL, 10) * 1024;
    return true;
}

/* smaps_rollup is exact and needs the right to trace the process; status counts in batches, and
 * anybody may read it. */
static int proc_open_memory(pid_t pid)
{
    static const char *const names[] = {"smaps_rollup", "status"};
    char path[64];
    uint64_t bytes;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int fd;

        snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, names[i]);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && proc_read_memory(fd, &bytes))
            return fd;
        if (fd >= 0)
            close(fd);
    }
    return -1;
}

int proc_open(struct proc *proc, pid_t pid)
{
    int error = clock_getcpuclockid(pid, &proc->clock);

    proc->memory_fd = -1;
    if (error != 0)
        return -error;
    proc->memory_fd = proc_open_memory(pid != 0 ? pid : getpid());
    return 0;
}

void proc_close(struct proc *proc)
{
    if (proc->memory_fd >= 0)
        close(proc->memory_fd);
    proc->memory_fd = -1;
}

bool proc_cpu_ns(const struct proc *proc, uint64_t *ns)
{
    struct timespec ts;

    if (clock_gettime(proc->clock, &ts) != 0)
        return false;
    *ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
    return true;
}

bool proc_memory(const struct proc *proc, uint64_t *bytes)
{
    return proc->memory_fd >= 0 && proc_read_memory(proc->memory_fd, bytes);
}

unsigned long proc_raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t soft = limit.rlim_cur;

        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            limit.rlim_cur = soft;
    }
    return (unsigned long)limit.rlim_cur;
}
