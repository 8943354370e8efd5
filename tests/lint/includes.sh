#!/bin/sh
# Who may know whom: base knows nothing above it, wire knows base; a library that one module hides
# is included there alone; and main.c alone ends the process.
srcdir=${srcdir:-.}
cd "$srcdir" || exit 99
status=0

# forbid PATTERN MESSAGE FILE...: no line of the files matches.
forbid()
{
    pattern=$1
    message=$2
    shift 2
    [ $# -gt 0 ] || return
    if grep -nE "$pattern" /dev/null "$@"; then
        echo "  ^ $message"
        status=1
    fi
}

# The sources of some folders, without those that match the pattern.
sources()
{
    skip=$1
    shift
    find "$@" -name '*.[ch]' 2>/dev/null | grep -vE "$skip" | LC_ALL=C sort
}

include='^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]'
none='^$'

# shellcheck disable=SC2046 # file names are words here
{
    forbid "$include.*(wire|stentord|swarm|stentorctl)/" "base knows nothing above it" \
        $(sources $none src/base include/stentor/base)
    forbid "$include.*(stentord|swarm|stentorctl)/" "wire knows base alone" \
        $(sources $none src/wire include/stentor/wire)
    forbid "$include.*(swarm|stentorctl)/" "stentord knows base and wire alone" \
        $(sources $none src/stentord)
    forbid "$include.*stentord/" "the clients know nothing of the server" \
        $(sources $none src/swarm src/stentorctl)
    forbid "${include}libconfig" "libconfig is known to config*.c alone" \
        $(sources '/config[a-z_]*\.[ch]$' include src)
    forbid "${include}openssl/" "OpenSSL is known to crypto.c and tls*.c alone" \
        $(sources '/(crypto|tls[a-z_]*)\.[ch]$' include src)
    forbid '(^|[^a-zA-Z0-9_])(_?exit|quick_exit)[[:space:]]*\(' "exit is for main.c alone" \
        $(sources '/main\.c$' include src)
}
exit $status
