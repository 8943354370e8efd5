/*
 * page.h - the parts of the page with the results, as the build makes them of page/.
 *
 * Constant; any thread.
 */
#ifndef STENTOR_SWARM_PAGE_H
#define STENTOR_SWARM_PAGE_H

extern const char page_html[];
extern const char page_style[];
extern const char page_script[];

#endif
