#include "stentor/base/obj.h"

#include <stdio.h>
#include <stdlib.h>

void obj_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "stentor: %s:%d: impossible: %s\n", file, line, what);
    abort();
}
