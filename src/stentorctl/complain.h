/*
 * complain.h - what goes wrong, told on standard error behind the program's name.
 *
 * No state. The program has one thread.
 */
#ifndef STENTORCTL_COMPLAIN_H
#define STENTORCTL_COMPLAIN_H

#include "stentor/base/compiler.h"

/* One line: "stentorctl: " and the text. Control characters in it are shown as '?', since parts of
 * it come from a server and the line ends up on a terminal. */
void complain(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* "stentorctl: memory is out" */
void complain_no_memory(void);

#endif
