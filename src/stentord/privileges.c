#define _GNU_SOURCE /* setresuid */
#include "privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stentor/base/log.h"

enum { PRIVILEGES_MAX_GROUPS = 256 };

struct identity {
    const char *name;
    uid_t uid;
    gid_t gid;
};

/* Who the configuration wants; without `user` in it, who we are. */
static bool privileges_identity(const struct config *config, struct identity *identity)
{
    const struct passwd *user;
    const struct group *group;

    *identity = (struct identity){config->user, geteuid(), getegid()};
    if (*config->user != '\0') {
        user = getpwnam(config->user);
        if (user == NULL)
            return false;
        identity->uid = user->pw_uid;
        identity->gid = user->pw_gid;
    }
    if (*config->group != '\0') {
        group = getgrnam(config->group);
        if (group == NULL)
            return false;
        identity->gid = group->gr_gid;
    }
    return true;
}

const char *privileges_mistake(const char *user, const char *group)
{
    if (*user != '\0' && getpwnam(user) == NULL)
        return "there is no such user; make it with adduser --system, or name another";
    if (*group != '\0' && getgrnam(group) == NULL)
        return "there is no such group; make it with addgroup --system, or name another";
    if (*group != '\0' && *user == '\0')
        return "a group needs a user; set user, too";
    return NULL;
}

bool privileges_allow(const struct config *config)
{
    struct identity wanted;

    if (geteuid() == 0 && *config->user == '\0') {
        log_error("process", "does not serve as root: set user in the configuration to the one "
                             "that it is to become, or to \"root\" if root is what you want");
        return false;
    }
    if (!privileges_identity(config, &wanted)) {
        log_error("process", "the user or group of the configuration has gone");
        return false;
    }
    if (geteuid() != 0 && (wanted.uid != geteuid() || wanted.gid != getegid())) {
        log_error("process",
                  "cannot become user \"%s\"%s%s, which only root can: start it as root, as that "
                  "user, or set user = \"\" to stay who you are",
                  config->user, *config->group != '\0' ? " with group " : "", config->group);
        return false;
    }
    return true;
}

/* Inheritable ones outlive a change of the user. */
static bool privileges_clear_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    return syscall(SYS_capset, &header, none) == 0;
}

/* The user's own groups come along: one that it shares with a key's file makes it readable. */
static bool privileges_become(const struct identity *wanted)
{
    gid_t groups[PRIVILEGES_MAX_GROUPS];
    int count = PRIVILEGES_MAX_GROUPS;

    if (getgrouplist(wanted->name, wanted->gid, groups, &count) < 0) {
        errno = E2BIG;
        return false;
    }
    return setgroups((size_t)count, groups) == 0 &&
           setresgid(wanted->gid, wanted->gid, wanted->gid) == 0 &&
           setresuid(wanted->uid, wanted->uid, wanted->uid) == 0 && privileges_clear_capabilities();
}

static bool privileges_have_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (syscall(SYS_capget, &header, data) < 0)
        return true;
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        if ((data[i].permitted | data[i].effective | data[i].inheritable) != 0)
            return true;
    return false;
}

/* Was it more than a call that returned 0? NULL if so, or else what is still there. */
static const char *privileges_left(const struct identity *wanted)
{
    uid_t ruid, euid, suid;
    gid_t rgid, egid, sgid;

    if (getresuid(&ruid, &euid, &suid) < 0 || ruid != wanted->uid || euid != wanted->uid ||
        suid != wanted->uid)
        return "a user";
    if (getresgid(&rgid, &egid, &sgid) < 0 || rgid != wanted->gid || egid != wanted->gid ||
        sgid != wanted->gid)
        return "a group";
    if (setuid(0) == 0 || seteuid(0) == 0)
        return "the way back to root";
    if (privileges_have_capabilities())
        return "a capability";
    return NULL;
}

bool privileges_drop(const struct config *config)
{
    struct identity wanted;
    const char *left;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        log_warning("process", "no_new_privs: %s", strerror(errno));
    if (geteuid() != 0)
        return true;
    if (!privileges_identity(config, &wanted)) {
        log_error("process", "the user or group of the configuration has gone");
        return false;
    }
    if (wanted.uid == 0) {
        log_warning("process", "serves as root, because the configuration says so");
        return true;
    }
    if (!privileges_become(&wanted)) {
        log_error("process", "cannot become user \"%s\": %s", wanted.name, strerror(errno));
        return false;
    }
    left = privileges_left(&wanted);
    if (left != NULL) {
        log_error("process", "became user \"%s\", but %s was left over", wanted.name, left);
        return false;
    }
    log_info("process", "serves as user %s", wanted.name);
    return true;
}

void privileges_give(const struct config *config, const char *path)
{
    struct identity wanted;

    if (geteuid() != 0 || !privileges_identity(config, &wanted) || wanted.uid == 0)
        return;
    if (lchown(path, wanted.uid, wanted.gid) < 0)
        log_warning("process", "%s stays root's: %s", path, strerror(errno));
}

static void privileges_try_to_read(const char *path, const char *consequence)
{
    if (access(path, R_OK) < 0)
        log_warning("process", "%s cannot be read any more, so %s: %s", path, consequence,
                    strerror(errno));
}

void privileges_warn_unreadable(const struct config *config)
{
    privileges_try_to_read(config->path, "a reload will fail");
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct config_tls *tls = config->listeners[i].tls;

        for (size_t j = 0; tls != NULL && j < tls->certificate_count; j++) {
            privileges_try_to_read(tls->certificates[j].chain, "a reload will fail");
            privileges_try_to_read(tls->certificates[j].key,
                                   "a reload will fail when the certificate is for another key");
        }
    }
}
