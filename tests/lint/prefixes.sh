#!/bin/sh
# Every symbol that a file exports begins with the file's name: the name says where to look.
# Looks at the archives of the build directory.
NM=${NM:-nm}
status=0
archives=
for archive in libstentor.a libstentord.a libswarm.a; do
    [ -f "$archive" ] && archives="$archives $archive"
done
if [ -z "$archives" ]; then
    echo "prefixes: no archive here; run this in a build directory, after make"
    exit 77
fi

# Compilers add symbols of their own under sanitizers; and the fuzzer adds its counters.
# shellcheck disable=SC2086 # archives are several words
$NM -A -g --defined-only $archives | awk '
BEGIN {
    # Where the name would be too long or would mislead: FILE PREFIX|PREFIX...
    split("websocket ws;deflate deflate|deflater|inflater;stats stats|close_reason", table, ";")
    for (i in table) {
        split(table[i], pair, " ")
        prefix[pair[1]] = pair[2]
    }
    # A file NAME_PART.c may hold functions of NAME: what one header promises may fill two files.
}
{
    # archive:member.o:address type symbol
    split($1, where, ":")
    member = where[2]
    symbol = $NF
    sub(/\.o$/, "", member)
    sub(/^lib[a-z]*_a-/, "", member)
    if (symbol ~ /^(__|_)/ || symbol ~ /^\./ || symbol ~ /\.[0-9a-z]/)
        next
    allowed = member in prefix ? prefix[member] : member
    part = member
    while (sub(/_[a-z0-9]+$/, "", part))
        allowed = allowed "|" part
    if (symbol !~ "^(" allowed ")_" && symbol != member) {
        printf "%s.c: %s must begin with %s_\n", member, symbol, allowed
        bad = 1
    }
}
END { exit bad }
' || status=1
exit $status
