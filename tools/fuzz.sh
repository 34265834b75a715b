#!/bin/bash
#
# tools/fuzz.sh: make fuzz; libFuzzer on all that reads bytes of any origin
#
#   tools/fuzz.sh [SECONDS [TARGET]]        fuzz each target (60 s)
#   tools/fuzz.sh --runs N [TARGET]         so many inputs instead
#   tools/fuzz.sh merge                     keep what was found
#
#   model, dataset          what the core reads: models and flat rows.  Programs
#                           of their own, under the sanitizers
#   params, fill, policy    JSON as parameters, as a fill, as a policy for one:
#                           in a backend of a private cluster (fuzz/server)
#   value                   models by each way into SQL, and what is done with
#                           them there
#
# Starts from test/fuzz/corpus, which every "make check-core" replays as far as
# it is the core's, and from freshly written seeds.  New inputs gather in
# build/fuzz; "merge" adds those of the core that reach new code, up to 4 kB
# each, to the corpus.  Exits with 1 when an input breaks a promise; the input
# is then named and kept in build/fuzz: mend the code, and put it into the
# corpus.

here=$(dirname "$0")
"$here/setup.sh" fuzz || exit
. "$here/cluster.sh"
cd "$top" || exit
out=$top/build/fuzz
max_kept=4096
core_targets=(model dataset)
server_targets=(params fill policy value)
failed=0

# ---- the core ---------------------------------------------------------------

seeds_built=
write_seeds() {
    mkdir -p "$out/seeds-$1"
    [ -n "$seeds_built" ] ||
        run clang -std=c11 -D_GNU_SOURCE -O1 -Wno-unknown-pragmas -ffp-contract=off \
            -Isrc/core -Itest/core -o "$out/seeds" \
            test/fuzz/seeds.c test/core/hpt*.c src/core/*.c -lm || return
    seeds_built=1
    "$out/seeds" "$1" "$out/seeds-$1"
}

core_build() {
    local target=$1 mutator=
    [ "$target" = model ] && mutator=-DHPF_MUTATOR=hpf_mutate_model
    mkdir -p "$out/found-$target" "test/fuzz/corpus/$target"
    run clang -std=c11 -D_GNU_SOURCE -O1 -g -fno-omit-frame-pointer \
        -ffp-contract=off -fno-strict-aliasing -fwrapv -Wno-unknown-pragmas \
        -fsanitize=address,undefined -fno-sanitize-recover=all \
        -Isrc/core -Itest/core "-DHPF_TARGET=hpf_$target" $mutator \
        -fsanitize=fuzzer -o "$out/$target" \
        test/fuzz/libfuzzer.c test/fuzz/{fuzz,hpf}_*.c test/core/hpt*.c \
        src/core/*.c -lm &&
        write_seeds "$target"
}

core_fuzz() {
    local target=$1
    core_build "$target" &&
        run "$out/$target" "${limit[@]}" -max_len=8192 -timeout=20 \
            -print_final_stats=1 -artifact_prefix="$out/broken-$target-" \
            "$out/found-$target" "test/fuzz/corpus/$target" "$out/seeds-$target"
}

core_merge() {
    local target=$1
    core_build "$target" || return
    find "$out/found-$target" -type f -size "+${max_kept}c" -delete
    "$out/$target" -set_cover_merge=1 -use_counters=0 -use_cmp=0 \
        "test/fuzz/corpus/$target" "$out/seeds-$target" "$out/found-$target"
}

# ---- in a server ------------------------------------------------------------

server_start() {
    cluster_build fuzz CC=clang EXTRA_OBJS="test/fuzz/hpf_layout.o $(echo test/fuzz/server/*.c | sed 's/\.c/.o/g')" \
        EXTRA_LINK="-shared-libasan $(clang -print-file-name=libclang_rt.fuzzer_no_main-x86_64.a) -lstdc++ -lm" \
        COPT="-I$top/src/core -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize=function -fno-sanitize-recover=all" ||
        return
    cluster_under_asan "$(clang -print-file-name=libclang_rt.asan-x86_64.so)" || return
    cluster_start || return
    run psql -X -q -v ON_ERROR_STOP=1 <<'END'
CREATE EXTENSION houseprice;
CREATE FUNCTION hp_fuzz(target text, arguments text[]) RETURNS void AS '$libdir/houseprice' LANGUAGE C STRICT;
CREATE DOMAIN grade AS int NOT NULL CHECK (VALUE < 1000);
CREATE TYPE quality AS ENUM ('poor', 'good');
CREATE TABLE fuzz_lots (rooms smallint, area float8, zone text, street text, pool boolean, sold timestamptz, ratio float4, lot int,
    void float8, x0 float8, x1 float8, t text);
INSERT INTO fuzz_lots VALUES
    (4, 100, 'a', 'b', true, '2010-05-01', 0.5, 800, 0, 1, 2, 'c'), (NULL, 1, '', 'l07', false, '-infinity', 'NaN', -1, 'infinity', -1e300, 'NaN', 'e'),
    (1, '-infinity', 'l12', NULL, NULL, 'infinity', '-infinity', 0, NULL, 5e-324, 3, repeat('long', 500));
INSERT INTO fuzz_lots VALUES (2);
CREATE TABLE fuzz_rows (a int, b smallint NOT NULL, c float8, d numeric(5, 2), e text, f varchar(3), g boolean,
    h date, i timestamptz, j quality, k grade, l int[], m bigint, n float4);
END
}

# The server's user cannot write into the tree: what is found is copied back.
server_fuzz() {
    local target=$1 place=$work/tmp/$1 log=$work/server.log from status=0
    local options=(-max_len=2000)
    from=$(wc -c <"$log")
    mkdir -p "$place/found" "$out/found-$target"
    if [ "$target" = value ]; then # the core's models
        options=(-max_len=8192 -mutate_depth=2)
        write_seeds model || return
        cp test/fuzz/corpus/model/* "$out/seeds-model"/* "$place/found/"
    else
        cp test/fuzz/corpus/"$target"/* "$place/found/"
    fi
    cp "$out/found-$target"/* "$place/found/" 2>/dev/null
    chmod -R a+rwX "$place"
    # libFuzzer ends the backend
    PGOPTIONS="-c client_min_messages=error -c log_min_messages=fatal -c houseprice.max_memory=64MB -c houseprice.model_cache=1MB" run psql -X -q -v ON_ERROR_STOP=1 -c \
        "SELECT hp_fuzz('$target', string_to_array('${limit[*]} ${options[*]} -timeout=60 -rss_limit_mb=0 -handle_int=0 -handle_term=0 -print_final_stats=1 -artifact_prefix=$place/broken- $place/found', ' '))" \
        >/dev/null 2>&1
    sleep 1
    tail -c "+$from" "$log" | grep -E '^(#|stat::|Done|internal|==|.*(ERROR|error|SUMMARY|runtime))' | tail -n 30
    tail -c "+$from" "$log" | grep -q '^Done' || status=1
    cp "$place"/broken-* "$out/" 2>/dev/null && status=1
    cp "$place"/found/* "$out/found-$target/" 2>/dev/null
    until pg_isready -q; do sleep 0.2; done
    return $status
}

# ---- which ------------------------------------------------------------------

mkdir -p "$out"
action=fuzz
limit=(-max_total_time="${1:-60}")
case ${1:-} in
merge) action=merge ;;
--runs)
    limit=(-runs="$2")
    shift
    ;;
esac
only=${2:-}

for target in "${core_targets[@]}"; do
    [ "${only:-$target}" = "$target" ] || continue
    printf '\n== %s\n' "$target"
    "core_$action" "$target" || failed=1
done
[ $action = merge ] && exit $failed
for target in "${server_targets[@]}"; do
    [ "${only:-$target}" = "$target" ] || continue
    printf '\n== %s\n' "$target"
    [ -n "${PGHOST:-}" ] || server_start || exit 1
    server_fuzz "$target" || {
        echo "FAILED: $target"
        failed=1
    }
done
exit $failed
