#!/bin/sh
# The version of the packages is that of the program.
srcdir=${srcdir:-.}
cd "$srcdir" || exit 99

program=$(sed -n 's/^AC_INIT(\[stentor\], \[\(.*\)\])/\1/p' configure.ac)
package=$(sed -n '1s/^stentor (\([^)]*\)).*/\1/p' debian/changelog)
if [ -z "$program" ] || [ "$program" != "$package" ]; then
    echo "configure.ac has version $program, debian/changelog has $package"
    exit 1
fi
