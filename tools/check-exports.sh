#!/bin/bash
#
# tools/check-exports.sh: what the shared library shows
#
#   tools/check-exports.sh path/to/houseprice.so
#
# SQL entry points (hp_*, with the records that PostgreSQL looks for) and the
# two names of its module interface; anything else could collide with another
# library in the server.

[ -f "$1" ] || {
    echo "usage: $0 path/to/houseprice.so" >&2
    exit 2
}
found=$(nm -D --defined-only "$1" | awk '{print $NF}' |
    grep -vE '^(hp_[a-z0-9_]+|pg_finfo_hp_[a-z0-9_]+|Pg_magic_func|_PG_init)$')
[ -z "$found" ] && exit 0
echo "$1 exports:" >&2
echo "$found" | sed 's/^/    /' >&2
exit 1
