#!/bin/sh
# All C files are as clang-format would write them. Its versions disagree, so that only the one
# named at the top of .clang-format counts.
srcdir=${srcdir:-.}
CLANG_FORMAT=${CLANG_FORMAT:-clang-format}
cd "$srcdir" || exit 99

wanted=$(sed -n '1s/^# clang-format //p' .clang-format)
if ! "$CLANG_FORMAT" --version 2>/dev/null | grep -q "version $wanted\."; then
    echo "format: skipped, there is no clang-format $wanted"
    exit 77
fi
find include src bench tests -name '*.[ch]' | LC_ALL=C sort |
    xargs "$CLANG_FORMAT" --dry-run -Werror --style=file
