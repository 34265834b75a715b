#!/bin/bash
#
# tools/fuzz.sh: libFuzzer on what the core reads: models and flat rows
#
#   tools/fuzz.sh [SECONDS [model|dataset]]   fuzz each target (60 s)
#   tools/fuzz.sh merge                       keep what was found
#
# Starts from test/fuzz/corpus, which every "make check-core" replays, and from
# freshly written seeds.  New inputs gather in build/fuzz; "merge" adds those
# that reach new code, up to 4 kB each, to the corpus.  Exits with 1 when an
# input breaks a promise; the input is then named and kept in build/fuzz:
# mend the core, and put the input into the corpus.

cd "$(dirname "$0")/.." || exit
set -eu
out=build/fuzz
max_kept=4096
targets=(model dataset)

build() {
    local target=$1
    mkdir -p "$out/found-$target" "$out/seeds-$target"
    clang -std=c11 -D_GNU_SOURCE -O1 -g -fno-omit-frame-pointer \
        -ffp-contract=off -fno-strict-aliasing -fwrapv -Wno-unknown-pragmas \
        -fsanitize=address,undefined -fno-sanitize-recover=all \
        -Isrc/core -Itest/core "-DHPF_TARGET=hpf_$target" \
        -fsanitize=fuzzer -o "$out/$target" \
        test/fuzz/libfuzzer.c test/fuzz/fuzz_*.c test/core/hpt*.c \
        src/core/*.c -lm
    clang -std=c11 -D_GNU_SOURCE -O1 -Wno-unknown-pragmas -ffp-contract=off \
        -Isrc/core -Itest/core -o "$out/seeds" \
        test/fuzz/seeds.c test/core/hpt*.c src/core/*.c -lm
    "$out/seeds" "$target" "$out/seeds-$target"
}

fuzz() {
    local target=$1 seconds=$2
    build "$target"
    "$out/$target" -max_total_time="$seconds" -max_len=8192 -timeout=20 \
        -print_final_stats=1 -artifact_prefix="$out/broken-$target-" \
        "$out/found-$target" "test/fuzz/corpus/$target" "$out/seeds-$target"
}

merge() {
    local target=$1
    build "$target"
    find "$out/found-$target" -type f -size "+${max_kept}c" -delete
    "$out/$target" -set_cover_merge=1 -use_counters=0 -use_cmp=0 \
        "test/fuzz/corpus/$target" "$out/seeds-$target" "$out/found-$target"
}

mkdir -p "$out"
for target in "${targets[@]}"; do
    mkdir -p "test/fuzz/corpus/$target"
    case ${1:-60} in
    merge) merge "$target" ;;
    *) [ "${2:-$target}" != "$target" ] || fuzz "$target" "${1:-60}" ;;
    esac
done
