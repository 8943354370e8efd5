#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define PROGRESS_TERMINAL_NS 200000000u
#define PROGRESS_PLAIN_NS 2000000000u

void progress_init(struct progress *progress, bool quiet)
{
    *progress = (struct progress){.quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1};
}

bool progress_due(struct progress *progress, uint64_t now_ns)
{
    if (progress->quiet || now_ns < progress->next_ns)
        return false;
    progress->next_ns = now_ns + (progress->terminal ? PROGRESS_TERMINAL_NS : PROGRESS_PLAIN_NS);
    return true;
}

void progress_show(struct progress *progress, const char *fmt, ...)
{
    char line[160];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (progress->terminal)
        fprintf(stderr, "\r%s\033[K", line);
    else
        fprintf(stderr, "%s\n", line);
    progress->dirty = progress->terminal;
}

void progress_clear(struct progress *progress)
{
    if (progress->dirty)
        fputs("\r\033[K", stderr);
    progress->dirty = false;
}
