#!/bin/sh
# Files and functions that one can keep in mind: sources up to 600 lines, headers up to 150,
# functions up to 60. An exception needs a line below that says why. Tests are left out: their
# tables of cases may be as long as they like.
srcdir=${srcdir:-.}
cd "$srcdir" || exit 99

# PATH or PATH:FUNCTION, and the reason.
exceptions='
'

excepted()
{
    echo "$exceptions" | awk -v what="$1" '$1 == what { found = 1 } END { exit !found }'
}

status=0
too_long()
{
    excepted "$1" && return
    echo "$1: $2 lines, at most $3 wanted: split it, or name it in tests/lint/sizes.sh with a reason"
    status=1
}

for file in $(find include src bench -name '*.[ch]' 2>/dev/null | LC_ALL=C sort); do
    case $file in
    *.h) limit=150 ;;
    *) limit=600 ;;
    esac
    lines=$(wc -l <"$file")
    [ "$lines" -le "$limit" ] || too_long "$file" "$lines" "$limit"
done

# A function begins with "{" and ends with "}" in the first column; its name stands before the
# first parenthesis of the lines between it and the empty line above.
for file in $(find src bench -name '*.c' 2>/dev/null | LC_ALL=C sort); do
    awk -v limit=60 '
        /^$/ || /^[#\/}]/ { head = "" }
        /^[a-zA-Z]/ { head = head " " $0 }
        /^[{]/ {
            start = NR
            name = head
            sub(/[(].*/, "", name)
            sub(/.*[ *]/, "", name)
        }
        /^}/ {
            if (start && NR - start - 1 > limit)
                print name, NR - start - 1
            start = 0
        }' "$file" | {
        code=0
        while read -r name lines; do
            status=0
            too_long "$file:$name" "$lines" 60
            [ "$status" -eq 0 ] || code=1
        done
        exit $code
    } || status=1
done
exit $status
