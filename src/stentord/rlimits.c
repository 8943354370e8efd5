#include "rlimits.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "stentor/base/log.h"

/* As many descriptors as are wanted, or else as the system lets this process have. */
static bool rlimits_set_files(const struct config *config)
{
    rlim_t wanted = (rlim_t)config->max_files;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return wanted == 0;
    if (wanted == 0)
        wanted = files.rlim_max;
    if (files.rlim_max < wanted)
        files.rlim_max = wanted;
    files.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &files) == 0)
        return true;
    int error = errno;
    getrlimit(RLIMIT_NOFILE, &files);
    log_error("process",
              "max_files is %d, but the hard limit is %llu and cannot be raised (%s): raise it "
              "where stentord is started (LimitNOFILE= of the unit, LIMIT_NOFILE in "
              "/etc/default/stentor, ulimit -Hn), or lower max_files",
              config->max_files, (unsigned long long)files.rlim_max, strerror(error));
    return false;
}

static void rlimits_set_core(const struct config *config)
{
    struct rlimit core;

    if (getrlimit(RLIMIT_CORE, &core) < 0)
        return;
    core.rlim_cur = config->core_dumps ? core.rlim_max : 0;
    if (setrlimit(RLIMIT_CORE, &core) < 0)
        log_warning("process", "the limit of core files stays: %s", strerror(errno));
    else if (config->core_dumps && core.rlim_max == 0)
        log_warning("process", "core_dumps is true, but the hard limit for core files is 0");
}

bool rlimits_set(const struct config *config)
{
    rlimits_set_core(config);
    return rlimits_set_files(config);
}

void rlimits_allow_cores(const struct config *config)
{
    if (config->core_dumps && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
        log_warning("process", "core_dumps: %s", strerror(errno));
}
