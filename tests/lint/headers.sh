#!/bin/sh
# Every header compiles alone: it includes what it needs, and can be included first.
srcdir=${srcdir:-.}
CC=${CC:-gcc}
status=0

# What configure found, when this runs in a build directory.
flags=
if [ -f Makefile ]; then
    flags=$(sed -n 's/^[A-Z]*_CFLAGS = \(.*-[ID].*\)$/\1/p' Makefile | grep -v '[$]' | tr '\n' ' ')
fi
for header in $(cd "$srcdir" && find include src -name '*.h' | LC_ALL=C sort); do
    # shellcheck disable=SC2086 # flags are several words
    if ! printf '#include "%s"\n' "$header" |
        $CC -std=gnu11 -D_GNU_SOURCE -DSTENTOR_VERSION='""' -DSTENTOR_SYSCONFDIR='""' \
            -I. -I"$srcdir" -I"$srcdir/include" $flags -Wall -Wextra -Werror -fsyntax-only -xc -
    then
        echo "$header: does not compile alone; include what it uses"
        status=1
    fi
done
exit $status
