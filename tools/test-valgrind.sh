#!/bin/bash
#
# tools/test-valgrind.sh: make test-valgrind; the tests under memcheck
#
#   tools/test-valgrind.sh [core|extension]
#
# Memcheck sees what the sanitizers do not: a decision made on bytes that
# nobody wrote.  It costs fifty times the time, so here is a choice:
#
#   the core's unit tests, as far as they can be run there (core.mk;
#   make check-core-valgrind)
#
#   test/valgrind/models.sql, a little of everything on small tables, in a
#   server that runs under memcheck with all its processes
#
# What memcheck reports of PostgreSQL itself is left out by
# test/valgrind/server.supp, which says why.  PostgreSQL hands out small pieces
# of larger blocks without telling memcheck, so of these only a first use is
# seen; the core's tests have blocks of their own.
#
# Ends with "N passed, N failed".

here=$(dirname "$0")
"$here/setup.sh" valgrind || exit
. "$here/cluster.sh"
cd "$top" || exit
passed=0
failed=0

count() {
    passed=$((passed + $1))
    failed=$((failed + $2))
}

core_tests() {
    run make -s -j2 -f tools/core.mk VARIANT=valgrind tests &&
        run make -s -f tools/core.mk VARIANT=valgrind check TALLY="$work/tally"
    count $(cat "$work/tally" || echo 0 1)
}

# A server that was made without memcheck, and runs under it.
start_under_memcheck() {
    cluster_build valgrind COPT="-Werror -O1 -g" && cluster_start || return
    "${as_server[@]}" tee -a "$work/server/data/postgresql.conf" >/dev/null <<'END'
jit = off
autovacuum = off
shared_buffers = 2MB
max_connections = 5
max_wal_senders = 0
wal_level = minimal
END
    run psql -X -q -c 'CREATE EXTENSION houseprice' && cluster_stop || return
    cp test/valgrind/server.supp "$work/"
    under=(env GOMP_SPINCOUNT=0 valgrind -q --fair-sched=yes --leak-check=no --num-callers=30
        --suppressions="$work/server.supp" --log-file="$work/tmp/memcheck.%p")
    cluster_serve
}

# reports NAME: none may have been written
reports() {
    local found
    found=$(cat "$work"/tmp/memcheck.*)
    if [ -n "$found" ]; then
        echo "FAILED  $1"
        head -n 200 <<<"$found"
        count 0 1
    else
        echo "ok      $1"
        count 1 0
    fi
}

extension_tests() {
    touch "$work/printed"
    if start_under_memcheck &&
        run psql -X -q <test/valgrind/models.sql >"$work/printed" 2>&1 &&
        cluster_stop && diff test/valgrind/models.out "$work/printed"; then
        echo "ok      test/valgrind/models.sql"
        count 1 0
    else
        echo "FAILED  test/valgrind/models.sql"
        tail -n 5 "$work/printed"
        count 0 1
    fi
    reports "nothing reported"
}

for part in ${1:-core extension}; do
    echo "== $part"
    "${part}_tests"
done
printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
