#include "report_html.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"

/* Inside a script element, "</" and "<!--" would end or change it; as JSON "\u003c" is the same. */
static void report_html_write_json(FILE *out, const char *json)
{
    for (; *json != '\0'; json++) {
        if (*json == '<')
            fputs("\\u003c", out);
        else
            fputc(*json, out);
    }
}

/* The page with each mark replaced by what it stands for. */
static void report_html_write(FILE *out, const char *json)
{
    static const char style[] = "/*STYLE*/", script[] = "/*SCRIPT*/", data[] = "/*DATA*/";

    for (const char *p = page_html; *p != '\0';) {
        if (strncmp(p, style, sizeof(style) - 1) == 0) {
            fputs(page_style, out);
            p += sizeof(style) - 1;
        } else if (strncmp(p, script, sizeof(script) - 1) == 0) {
            fputs(page_script, out);
            p += sizeof(script) - 1;
        } else if (strncmp(p, data, sizeof(data) - 1) == 0) {
            report_html_write_json(out, json);
            p += sizeof(data) - 1;
        } else {
            fputc(*p++, out);
        }
    }
}

bool report_html_save(const json_t *runs, const char *file)
{
    char *json = json_dumps(runs, JSON_COMPACT | JSON_REAL_PRECISION(9));
    FILE *out = json != NULL ? fopen(file, "we") : NULL;
    bool ok = out != NULL;

    if (ok) {
        report_html_write(out, json);
        ok = ferror(out) == 0;
        ok = fclose(out) == 0 && ok;
    }
    free(json);
    return ok;
}
