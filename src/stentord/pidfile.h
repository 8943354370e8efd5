/*
 * pidfile.h - the file that tells scripts which process the server is.
 *
 * It is locked for as long as the server runs, so that there are not two of them, and so that a
 * number which a killed server left behind is not taken for one. Main thread alone.
 */
#ifndef STENTORD_PIDFILE_H
#define STENTORD_PIDFILE_H

#include <stdbool.h>

#include "stentor/base/compiler.h"

struct pidfile {
    char *path;
    int fd; /* -1: there is none */
};

#define PIDFILE_NONE ((struct pidfile){NULL, -1})

/* Creates and locks the file, and writes our number into it. False after an error, which has been
 * logged: another server runs, or the file cannot be written. */
bool pidfile_open(struct pidfile *pidfile, const char *path) MUST_CHECK;

/* Removes the file; empties it where its directory no longer is ours to change. */
void pidfile_close(struct pidfile *pidfile);

#endif
