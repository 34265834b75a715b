#!/bin/bash
#
# tools/test-newer.sh: make test-newer; a database taken to a newer PostgreSQL
#
# In this machine's PostgreSQL a database is made that has a model of every
# algorithm and keeps models and predictions in every way (test/newer/make.sql).
# It goes to the PostgreSQL of a fresh Debian 13 (machine.sh) by pg_dump of
# either version, as text and in the custom format, and by pg_upgrade.  There
# test/newer/state.sql must print what it printed here: digests, bits of
# predictions, and digests of what is trained anew.
#
# pg_upgrade wants both versions in one place: the older one's server is
# installed there from this machine's Debian, its extension is the one built
# here.
#
# Ends with "N passed, N failed".

here=$(cd "$(dirname "$0")" && pwd)
database=market
failed=0
passed=0

# check NAME COMMAND...: shows the command's output only if it fails
check() {
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $name"
    else
        failed=$((failed + 1))
        echo "FAILED  $name"
        tail -n 40 "$work/log" | sed 's/^/    /'
    fi
}

quiet_psql() { run psql -X -q -v ON_ERROR_STOP=1 "$@"; }
state_of() { quiet_psql -d "$1" -f test/newer/state.sql; }

# ---- there ------------------------------------------------------------------

# same_state DATABASE: it says what the first one said
same_state() {
    state_of "$1" >"$work/state" && diff "$old/state" "$work/state"
}

by_text() {
    createdb by_text && quiet_psql -d by_text -f "$old/plain.dump"
}
by_custom() {
    createdb by_custom && pg_restore --exit-on-error -d by_custom "$old/custom.dump"
}
by_newer_pg_dump() {
    createdb by_newer_pg_dump &&
        PGHOST=$old/server pg_dump --format=custom -f "$work/newer.dump" $database &&
        pg_restore --exit-on-error --jobs=2 -d by_newer_pg_dump "$work/newer.dump"
}

# The server here is still running there.
restore_there() {
    local way
    check "build with PostgreSQL $major" cluster_build test COPT=-Werror
    check "start it" cluster_start
    for way in by_text by_custom by_newer_pg_dump; do
        check "restored ${way//_/ }" $way
        check "    it says the same" same_state $way
    done
}

# install_old MAJOR SUITE MIRROR
install_old() {
    echo "deb $3 $2 main" >/etc/apt/sources.list.d/old.list
    mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/test-newer.conf
    apt-get -q update &&
        DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "postgresql-$1"
}

pg_upgrade_from() {
    local place=$work/upgrade
    cluster_init &&
        mkdir "$place" &&
        cp -a "$old/server/data" "$place/" &&
        chown -R "$server_user": "$place" &&
        cd "$place" &&
        "${as_server[@]}" "$bindir/pg_upgrade" -U postgres -s "$place" -b "/usr/lib/postgresql/$1/bin" -B "$bindir" \
            -d "$place/data" -D "$work/server/data" &&
        cd "$top" &&
        cluster_serve
}

# upgrade_there MAJOR SUITE MIRROR
upgrade_there() {
    check "build with PostgreSQL $major" cluster_build test COPT=-Werror
    check "PostgreSQL $1 beside it" install_old "$@"
    check "pg_upgrade" pg_upgrade_from "$1"
    check "    it says the same" same_state $database
}

# there DIRECTORY STEP [ARG...]: in the machine, the old side's files given
if [ "${1:-}" = there ]; then
    old=$2
    shift 2
    "$here/setup.sh" demo || exit
    . "$here/cluster.sh"
    cd "$top" || exit
    "$@"
    echo "$passed $failed" >>"$old/tally"
    exit
fi

# ---- here -------------------------------------------------------------------

"$here/setup.sh" demo || exit
. "$here/cluster.sh"
. "$here/machine.sh"
trap 'machine_remove; cluster_cleanup' EXIT
cd "$top" || exit

make_here() {
    createdb $database &&
        quiet_psql -d $database -c 'CREATE EXTENSION houseprice' -f data/houses.sql -f test/newer/make.sql
}
dump_here() {
    pg_dump -f "$work/plain.dump" $database &&
        pg_dump --format=custom -f "$work/custom.dump" $database
}
remember_state() { state_of $database >"$work/state" && [ -s "$work/state" ]; }
same_state_here() { state_of $database | diff "$work/state" -; }

cluster_build test COPT=-Werror && cluster_start || exit
check "PostgreSQL $major: a database with models" make_here
check "dumped" dump_here
check "what it says" remember_state
check "says it again" same_state_here
[ "$failed" -eq 0 ] || exit 1

machine_make trixie "$work" || exit
there() {
    run machine_run /root/houseprice/tools/test-newer.sh there "$work" "$@" ||
        check "$1 came to its end" false
}
there restore_there
cluster_stop
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
there upgrade_there "$major" "$suite" "$(machine_mirror)"

while read -r ok bad; do
    passed=$((passed + ok))
    failed=$((failed + bad))
done <"$work/tally"
printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
