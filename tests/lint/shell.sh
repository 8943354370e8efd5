#!/bin/sh
# No shell script has a mistake that shellcheck knows.
srcdir=${srcdir:-.}
SHELLCHECK=${SHELLCHECK:-shellcheck}
cd "$srcdir" || exit 99

if ! command -v "$SHELLCHECK" >/dev/null 2>&1; then
    echo "shell: skipped, there is no shellcheck"
    exit 77
fi
status=0
for file in autogen.sh .ci/run script/* bench/*.sh bench/*/*.sh tests/*/*.sh \
    tests/package/* debian/stentor.init debian/stentor.p* debian/tests/*; do
    [ -f "$file" ] || continue # a release has not all of them
    head -n 1 "$file" | grep -qE '^#!.*[/ ](ba|da)?sh' || continue
    "$SHELLCHECK" -x "$file" || status=1
done
exit $status
