#!/bin/bash
#
# tools/test.sh: make test; every test, in a private cluster
#
#   tools/test.sh [--tally FILE]
#   tools/test.sh --asan          make test-asan
#
# Installs what is missing, builds with warnings as errors, then runs the unit
# tests of the core, the regression tests, the isolation tests and the TAP
# tests.  Shows what differs where one fails, goes on with the rest, and closes
# with "N passed, N failed"; with --tally it appends the two numbers to FILE
# instead.  The exit status is 0 if something ran and nothing failed.
#
# With --asan the extension is built with the address and undefined behaviour
# sanitizers, and the regression and isolation tests run in a server that has
# their runtime loaded.  What they report is one failure.
#
# Counted: each check of a unit test, each regression test, each isolation
# test, each TAP assertion; a step that breaks off without naming a failed test
# counts as one failure.

here=$(dirname "$0")
tally=
tests=all_tests
case ${1:-} in
--tally) tally=$2 ;;
--asan) tests=asan_tests ;;
esac

"$here/setup.sh" test || exit
. "$here/cluster.sh"
cd "$top" || exit

count() { echo "$1 $2" >>"$work/tally"; }
title() { printf '\n== %s\n' "$1"; }

core_tests() {
    title "core"
    if run make -s -j"$(nproc)" -f tools/core.mk tests; then
        run make -s -f tools/core.mk check TALLY="$work/tally"
    else
        count 0 1
    fi
}

# pg_regress says "test x ... ok" or "... FAILED" up to PostgreSQL 15, and
# "ok 1 - x" or "not ok 1 - x" later.
count_regress() {
    local passed failed
    passed=$(grep -cE '^(test +\S+ +\.\.\. ok|ok +[0-9])|^     \S+ +\.\.\. ok' "$1")
    failed=$(grep -cE '^(test +\S+ +\.\.\. FAILED|not ok +[0-9])|^     \S+ +\.\.\. FAILED' "$1")
    [ "$2" -ne 0 ] && [ "$failed" -eq 0 ] && failed=1
    count "$passed" "$failed"
}

# database_tests TITLE VARIABLE...: make installcheck without these variables
database_tests() {
    local status log=$work/installcheck.log
    title "$1"
    shift
    run make -s -C "$build" -f ../../Makefile PG_CONFIG="$pg_config" \
        "$@" installcheck >"$log" 2>&1
    status=$?
    grep -E '^(test |ok |not ok |     )|\.\.\. ' "$log"
    count_regress "$log" $status
    if [ $status -ne 0 ]; then
        cat "$build/regression.diffs" 2>/dev/null || cat "$log"
    fi
}

# The regression tests, dealt out to as many databases as there are processors.
regression_tests() {
    local part log tests=() pids=() parts
    parts=$(nproc)
    title "regression"
    tests=($(cd test/sql && printf '%s\n' *.sql | sed 's/\.sql$//' | grep -vx setup))
    for ((part = 0; part < parts; part++)); do
        mkdir -p "$build/part-$part"
        log=$work/regression-$part.log
        {
            make -s -C "$build/part-$part" -f "$top/Makefile" PG_CONFIG="$pg_config" \
                CONTRIB_TESTDB="regression_$part" ISOLATION= TAP_TESTS= \
                REGRESS="setup $(printf '%s\n' "${tests[@]}" | awk -v p="$part" -v n="$parts" 'NR % n == p' | xargs)" \
                installcheck >"$log" 2>&1
            echo $? >"$log.status"
        } &
        pids+=($!)
    done
    wait "${pids[@]}"
    for ((part = 0; part < parts; part++)); do
        log=$work/regression-$part.log
        grep -E '^(test |ok |not ok |     )|\.\.\. ' "$log"
        count_regress "$log" "$(cat "$log.status")"
        [ "$(cat "$log.status")" -eq 0 ] ||
            cat "$build/part-$part/regression.diffs" 2>/dev/null || cat "$log"
    done
}

# TAP tests make their own servers, so all of it runs as the server's user, on a
# copy that this user can read: of the tree, and of the Kaggle files beside it.
tap_tests() {
    local pgxs tree=$work/tree/houseprice
    title "TAP"
    pgxs=$(dirname "$("$pg_config" --pgxs)")/..
    mkdir -p "$tree"
    tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$tree"
    if [ -r ../shared/data/ames/train.csv ]; then
        mkdir -p "$work/tree/shared/data"
        cp -R ../shared/data/ames "$work/tree/shared/data/"
    fi
    [ ${#as_server[@]} -gt 0 ] && chown -R "$server_user" "$work/tree"
    (
        cd "$tree" || exit
        export TESTDIR=$tree HOUSEPRICE_STAGE_CONF=$work/stage.conf
        export PG_REGRESS=$pgxs/test/regress/pg_regress
        unset PGHOST PGPORT PGUSER PGDATABASE
        # a session of its own: on Ctrl-C cluster_sweep ends it in order
        "${as_server[@]}" setsid -w tools/tap.pl --jobs "$(nproc)" --tally "$work/tree/tally" \
            -I "$pgxs/test/perl" -I "$tree/test/perl" test/t/*.pl
    ) <&0 &
    wait $!
    cat "$work/tree/tally" >>"$work/tally" || count 0 1
}

# ---- under sanitizers --------------------------------------------------------

asan_tests() {
    local found reports=$work/tmp/report
    title "build for ASan"
    if ! cluster_build asan "COPT=-Werror -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all" ||
        ! cluster_under_asan "$(gcc -print-file-name=libasan.so)" "log_path=$reports" ||
        ! cluster_start; then
        count 0 1
        return
    fi
    regression_tests
    database_tests "isolation" REGRESS= TAP_TESTS=
    cluster_stop
    # processes write when they come to their end
    title "reports of the sanitizers"
    found=$(cat "$reports".* 2>/dev/null)
    if [ -n "$found" ]; then
        printf '%s\n' "$found" | head -n 200
        count 0 1
    else
        count 1 0
    fi
}

# ---- everything -------------------------------------------------------------

all_tests() {
    title "build"
    if ! cluster_build test COPT=-Werror; then
        count 0 1
        return
    fi
    core_tests
    if cluster_start; then
        compgen -G 'test/sql/*.sql' >/dev/null && regression_tests
        compgen -G 'test/specs/*.spec' >/dev/null &&
            database_tests "isolation" REGRESS= TAP_TESTS=
        compgen -G 'test/t/*.pl' >/dev/null && tap_tests
    else
        count 0 1
    fi
}

$tests

read -r passed failed < <(awk '{p += $1; f += $2} END {print p + 0, f + 0}' "$work/tally")
if [ -n "$tally" ]; then
    echo "$passed $failed" >>"$tally"
else
    printf '\n%s passed, %s failed\n' "$passed" "$failed"
fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
