#!/bin/sh
# mandoc has nothing to say about the manuals, but that others are not installed here. How long the
# lines of their source are is left to those who write them.
srcdir=${srcdir:-.}
cd "$srcdir" || exit 99

if ! command -v mandoc >/dev/null 2>&1; then
    echo "manuals: skipped, there is no mandoc"
    exit 77
fi
found=$(mandoc -Tlint man/*.[1-8] 2>&1 |
    grep -v -e 'STYLE: referenced manual not found' -e 'outdated mandoc.db lacks' \
        -e 'STYLE: input text line longer than 80 bytes')
if [ -n "$found" ]; then
    echo "$found"
    exit 1
fi
