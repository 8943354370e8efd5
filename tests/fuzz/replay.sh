#!/bin/sh
# Runs every fuzz target over its corpus, in tests/fuzz/corpus. Works with libFuzzer's targets and
# with those that are linked with replay.c.
srcdir=${srcdir:-.}
status=0
for target in tests/fuzz/fuzz_*; do
    case $target in
    *.*) continue ;;
    esac
    [ -x "$target" ] || continue
    codec=${target##*/fuzz_}
    if output=$("$target" -runs=0 "$srcdir/tests/fuzz/corpus/$codec" 2>&1); then
        echo "ok - $codec ($(find "$srcdir/tests/fuzz/corpus/$codec" -type f | wc -l) files)"
    else
        echo "$output"
        echo "not ok - $codec: see above"
        status=1
    fi
done
exit $status
