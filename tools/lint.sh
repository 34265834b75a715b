#!/bin/bash
#
# tools/lint.sh: make lint; cppcheck and clang-tidy over the C sources
#
#   tools/lint.sh [cppcheck|clang-tidy]
#
# An exception stands beside the line that it excuses, with its reason
# ("cppcheck-suppress" or "NOLINT"), or here and in .clang-tidy if it concerns
# all files.

cd "$(dirname "$0")/.." || exit

# PostgreSQL's headers are not read: they take minutes and are not ours.
# Columns are arrays of bytes, read through a pointer of the column's type:
# hence no invalidPointerCast.
run_cppcheck() {
    cppcheck --quiet --language=c --std=c11 -j "$(nproc)" --error-exitcode=1 \
        --enable=warning,performance,portability --inline-suppr \
        --suppress=invalidPointerCast -I src/core src/core src/pg
}

run_clang_tidy() {
    local server_headers
    server_headers=$("${PG_CONFIG:-pg_config}" --includedir-server)
    printf '%s\0' src/core/*.c src/pg/*.c |
        xargs -0 -n 1 -P "$(nproc)" sh -c 'clang-tidy-14 --quiet "$2" -- \
            -std=gnu11 -D_GNU_SOURCE -fopenmp -Isrc/core -isystem "$1" \
            2>/dev/null' sh "$server_headers"
}

case ${1:-all} in
cppcheck) run_cppcheck ;;
clang-tidy) run_clang_tidy ;;
all)
    run_cppcheck
    status=$?
    run_clang_tidy && exit $status
    ;;
*)
    echo "usage: $0 [cppcheck|clang-tidy]" >&2
    exit 2
    ;;
esac
