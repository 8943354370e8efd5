/*
 * report_html.h - results as a page with plots, in one file that needs no other.
 *
 * The page is src/swarm/page/: its text, style and script, which are compiled into the program; the
 * results go into it as JSON, and the script draws them. Several results are drawn side by side.
 */
#ifndef STENTOR_SWARM_REPORT_HTML_H
#define STENTOR_SWARM_REPORT_HTML_H

#include <jansson.h>
#include <stdbool.h>

#include "stentor/base/compiler.h"

/* `runs` is an array of what report_json gives. False when the file cannot be written. */
bool report_html_save(const json_t *runs, const char *file) MUST_CHECK;

#endif
