#include "pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stentor/base/log.h"

static void pidfile_log_locked(int fd, const char *path)
{
    char text[32];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    log_error("pidfile", "%s: another stentord runs%s%s; stop it first, or name another pidfile",
              path, *text != '\0' ? ", process " : "", text);
}

/* Is the file that we have locked still the one of this name? A server that ended in between has
 * removed it. */
static bool pidfile_is_current(int fd, const char *path)
{
    struct stat ours, named;

    return fstat(fd, &ours) == 0 && stat(path, &named) == 0 && ours.st_dev == named.st_dev &&
           ours.st_ino == named.st_ino;
}

/* The locked file; -1 after an error, which has been logged. */
static int pidfile_lock(const char *path)
{
    int fd;

    for (;;) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0) {
            log_error("pidfile", "%s: %s", path,
                      errno == ELOOP ? "is a symbolic link; remove it" : strerror(errno));
            return -1;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            if (errno == EWOULDBLOCK)
                pidfile_log_locked(fd, path);
            else
                log_error("pidfile", "%s cannot be locked: %s", path, strerror(errno));
            close(fd);
            return -1;
        }
        if (pidfile_is_current(fd, path))
            return fd;
        close(fd);
    }
}

bool pidfile_open(struct pidfile *pidfile, const char *path)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    *pidfile = PIDFILE_NONE;
    if (*path != '/') {
        log_error("pidfile", "%s: the path must begin with /", path);
        return false;
    }
    pidfile->fd = pidfile_lock(path);
    if (pidfile->fd < 0)
        return false;
    pidfile->path = strdup(path);
    /* For everybody to read, whatever the umask. */
    if (pidfile->path == NULL || fchmod(pidfile->fd, 0644) < 0 || ftruncate(pidfile->fd, 0) < 0 ||
        pwrite(pidfile->fd, text, (size_t)len, 0) != len) {
        log_error("pidfile", "%s cannot be written: %s", path, strerror(errno));
        pidfile_close(pidfile);
        return false;
    }
    return true;
}

void pidfile_close(struct pidfile *pidfile)
{
    if (pidfile->fd < 0)
        return;
    if (pidfile->path != NULL && unlink(pidfile->path) < 0 && ftruncate(pidfile->fd, 0) < 0)
        log_warning("pidfile", "%s stays: %s", pidfile->path, strerror(errno));
    close(pidfile->fd);
    free(pidfile->path);
    *pidfile = PIDFILE_NONE;
}
