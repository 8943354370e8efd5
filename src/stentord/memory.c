#include "memory.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct memory_use memory_use(void)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    unsigned long long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file != NULL) {
        if (fscanf(file, "%llu %llu", &size, &resident) != 2)
            size = resident = 0;
        fclose(file);
    }
    return (struct memory_use){.resident = resident * page, .virtual = size * page};
}

/* A file with one number in it; UINT64_MAX for any other ("max"), or without the file. */
static uint64_t memory_read_number(const char *path)
{
    unsigned long long number;
    FILE *file = fopen(path, "re");
    uint64_t result = UINT64_MAX;

    if (file == NULL)
        return result;
    if (fscanf(file, "%llu", &number) == 1)
        result = number;
    fclose(file);
    return result;
}

/* The limit of the control group (version 2) that the process is in. */
static uint64_t memory_group_limit(void)
{
    char line[512], path[600];
    uint64_t limit = UINT64_MAX;
    FILE *file = fopen("/proc/self/cgroup", "re");

    if (file == NULL)
        return limit;
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::", 3) != 0)
            continue;
        snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", line + 3);
        limit = memory_read_number(path);
    }
    fclose(file);
    return limit;
}

uint64_t memory_available(void)
{
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t group = memory_group_limit();

    return group < machine ? group : machine;
}

uint64_t memory_address_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_AS, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return limit.rlim_cur;
}
