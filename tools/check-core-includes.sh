#!/bin/bash
#
# tools/check-core-includes.sh: two rooms and one door
#
# The core (src/core) includes its own headers and the C library's, never
# PostgreSQL's.  The PostgreSQL side (src/pg) includes of the core hpc.h only.
# Inside the core only hpc_parallel.c speaks to OpenMP.

cd "$(dirname "$0")/.." || exit
status=0

complain() {
    echo "$1:" >&2
    echo "$2" | sed 's/^/    /' >&2
    status=1
}

# "name.h" or <name.h> of each include line, as file:name
includes() {
    grep -HoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"][^>"]+' "$@" |
        sed -E 's/:[^<"]*[<"]/:/'
}

libc='assert|ctype|errno|float|inttypes|limits|math|pthread|sched|signal|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|time|unistd|cpuid|immintrin|omp'
found=$(includes src/core/*.[ch] | grep -vE ":(hpc[a-z0-9_]*|($libc))\.h\$")
[ -n "$found" ] && complain "the core includes more than the C library" "$found"

found=$(includes src/pg/*.[ch] | grep -E ':(.*/)?hpc_[a-z0-9_]*\.h$')
[ -n "$found" ] && complain "src/pg includes more of the core than hpc.h" "$found"

found=$(grep -nE '#[[:space:]]*(pragma[[:space:]]+omp|include[[:space:]]*<omp\.h>)|\bomp_[a-z_]+\(' \
    src/core/*.[ch] src/pg/*.[ch] | grep -v '^src/core/hpc_parallel\.c:')
[ -n "$found" ] && complain "OpenMP outside hpc_parallel.c" "$found"

exit $status
