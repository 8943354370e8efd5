/*
 * status_text.h - the server's /status document, written for people.
 *
 * Pure; the program has one thread.
 */
#ifndef STENTORCTL_STATUS_TEXT_H
#define STENTORCTL_STATUS_TEXT_H

#include <jansson.h>

#include "stentor/base/strbuf.h"

/* Appends lines of text; members that are missing are left out, and unknown ones are shown too. */
void status_text_append(struct strbuf *out, const json_t *status);

#endif
