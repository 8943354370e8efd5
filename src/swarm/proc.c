#include "proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "stentor/base/clock.h"

enum { PROC_TEXT = 4096 };

/* The whole file as a string; false when it cannot be read. */
static bool proc_text(int fd, char text[PROC_TEXT])
{
    ssize_t n = fd >= 0 ? pread(fd, text, PROC_TEXT - 1, 0) : -1;

    if (n <= 0)
        return false;
    text[n] = '\0';
    return true;
}

static bool proc_text_of(const char *path, char text[PROC_TEXT])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = proc_text(fd, text);

    if (fd >= 0)
        close(fd);
    return ok;
}

/* The number behind the name at the beginning of a line; 0 without one. */
static uint64_t proc_number(const char *text, const char *name)
{
    const char *line = strstr(text, name);

    return line != NULL ? strtoull(line + strlen(name), NULL, 10) : 0;
}

static int proc_open_file(pid_t pid, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* smaps_rollup is exact and needs the right to trace the process; status counts in batches, and
 * anybody may read it. */
static int proc_open_memory(pid_t pid)
{
    char text[PROC_TEXT];
    int fd = proc_open_file(pid, "smaps_rollup");

    if (proc_text(fd, text))
        return fd;
    if (fd >= 0)
        close(fd);
    return proc_open_file(pid, "status");
}

int proc_open(struct proc *proc, pid_t pid)
{
    int error = clock_getcpuclockid(pid, &proc->clock);

    proc->memory_fd = proc->status_fd = proc->schedule_fd = -1;
    if (error != 0)
        return -error;
    proc->pid = pid != 0 ? pid : getpid();
    proc->memory_fd = proc_open_memory(proc->pid);
    proc->status_fd = proc_open_file(proc->pid, "status");
    proc->schedule_fd = proc_open_file(proc->pid, "schedstat");
    return 0;
}

void proc_close(struct proc *proc)
{
    int *fds[] = {&proc->memory_fd, &proc->status_fd, &proc->schedule_fd};

    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

static void proc_read_memory(const struct proc *proc, struct proc_usage *usage)
{
    char text[PROC_TEXT];

    if (!proc_text(proc->memory_fd, text))
        return;
    usage->rss = proc_number(text, "\nRss:") * 1024;
    usage->pss = proc_number(text, "\nPss:") * 1024;
    if (usage->rss == 0)
        usage->rss = proc_number(text, "\nVmRSS:") * 1024;
}

static uint64_t proc_switches_of(const char *text)
{
    return proc_number(text, "\nvoluntary_ctxt_switches:") +
           proc_number(text, "\nnonvoluntary_ctxt_switches:");
}

/* status counts the switches of the first thread alone, so that of each thread is read. */
static uint64_t proc_switches(const struct proc *proc)
{
    char path[64 + NAME_MAX], text[PROC_TEXT];
    struct dirent *entry;
    uint64_t sum = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%ld/task", (long)proc->pid);
    dir = opendir(path);
    if (dir == NULL)
        return 0;
    while ((entry = readdir(dir)) != NULL) {
        snprintf(path, sizeof(path), "/proc/%ld/task/%s/status", (long)proc->pid, entry->d_name);
        if (entry->d_name[0] != '.' && proc_text_of(path, text))
            sum += proc_switches_of(text);
    }
    closedir(dir);
    return sum;
}

static void proc_read_threads(const struct proc *proc, struct proc_usage *usage)
{
    char text[PROC_TEXT];

    if (!proc_text(proc->status_fd, text))
        return;
    usage->threads = (uint32_t)proc_number(text, "\nThreads:");
    usage->switches = usage->threads > 1 ? proc_switches(proc) : proc_switches_of(text);
}

bool proc_read(const struct proc *proc, struct proc_usage *usage)
{
    char text[PROC_TEXT];
    struct timespec ts;

    memset(usage, 0, sizeof(*usage));
    if (clock_gettime(proc->clock, &ts) != 0)
        return false;
    usage->time_ns = clock_ns();
    usage->cpu_ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
    proc_read_memory(proc, usage);
    proc_read_threads(proc, usage);
    if (proc_text(proc->schedule_fd, text) && strchr(text, ' ') != NULL)
        usage->wait_ns = strtoull(strchr(text, ' '), NULL, 10);
    return true;
}

uint64_t proc_socket_memory(void)
{
    char text[PROC_TEXT];
    const char *tcp;

    if (!proc_text_of("/proc/net/sockstat", text))
        return 0;
    tcp = strstr(text, "\nTCP:");
    return tcp != NULL ? proc_number(tcp, " mem ") * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* "cpu user nice system idle iowait ...", in ticks. */
uint64_t proc_idle_ns(void)
{
    unsigned long long user, nice, system, idle, wait;
    char text[PROC_TEXT];

    if (!proc_text_of("/proc/stat", text) ||
        sscanf(text, "cpu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &wait) != 5)
        return 0;
    return (idle + wait) * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
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
