#!/bin/bash
#
# tools/format.sh: lays out the C sources as .clang-format says
#
#   tools/format.sh           make format: rewrites them
#   tools/format.sh --check   make format-check: only says where they differ
#
# Versions of clang-format disagree with each other; ours is the one of Debian 12.

cd "$(dirname "$0")/.." || exit
shopt -s globstar nullglob
files=(src/**/*.[ch] test/core/*.[ch] test/fuzz/**/*.[ch] test/asan/*.c)
formatter=$(command -v clang-format-14) || {
    echo "clang-format-14 not found (Debian: clang-format-14)" >&2
    exit 1
}

if [ "${1:-}" = --check ]; then
    "$formatter" --dry-run --Werror "${files[@]}" || {
        echo "To mend this: make format" >&2
        exit 1
    }
else
    "$formatter" -i "${files[@]}"
fi
