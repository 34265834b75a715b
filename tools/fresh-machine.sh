#!/bin/bash
#
# tools/fresh-machine.sh: the two commands of the README on a bare Debian
#
#   tools/fresh-machine.sh [SUITE [COMMAND...]]
#
#   tools/fresh-machine.sh                     make test-fresh: bookworm
#   tools/fresh-machine.sh trixie "make test"  make test-pg17
#
# Makes a minimal Debian in a directory (debootstrap), with git and make added
# and nothing else; clones the last commit into it; runs each command as root,
# then as an ordinary user; and checks after each that nothing is left behind.
# The clone lives in its own process, mount and IPC namespace: what happens in
# there ends with it.  Needs root, debootstrap, 3 GB in /var/tmp and access to
# Debian's packages, which the new machine reaches as this one does.
#
# Ends with "N passed, N failed".

set -u
suite=${1:-bookworm}
shift
[ $# -gt 0 ] || set -- "make demo" "make test"

. "$(dirname "$0")/machine.sh"
trap machine_remove EXIT
machine_make "$suite" || exit

# ---- in the machine ---------------------------------------------------------

# Its own files live in /check, where nobody looks for leftovers.
mkdir "$machine/check"
cat >"$machine/check/check" <<'END'
passed=0
failed=0

check() {
    local name=$1
    shift
    if "$@" >/check/log 2>&1; then
        passed=$((passed + 1))
        echo "ok      $name"
    else
        failed=$((failed + 1))
        echo "FAILED  $name"
        tail -n 40 /check/log | sed 's/^/    /'
    fi
    rm -f /check/log
}

# runs USER COMMAND: in the user's clone, without standard input
runs() {
    if [ "$1" = root ]; then
        cd /root/houseprice && bash -c "$2" </dev/null
    else
        su - "$1" -c "cd houseprice && $2" </dev/null
    fi
}

says_what_is_missing() {
    local output
    output=$(runs tester "make demo" 2>&1) && return 1
    grep -q 'apt-get install' <<<"$output"
}

# The client's package brings pgxs.mk, but no header of the server.
sees_missing_headers() {
    local output
    mkdir /check/client
    touch /check/client/pgxs.mk
    printf '%s\n' '#!/bin/sh' 'case $1 in' '--version) echo PostgreSQL 15.0 ;;' \
        '--pgxs) echo /check/client/pgxs.mk ;;' '*) echo /check/client ;;' 'esac' \
        >/check/client/pg_config
    chmod +x /check/client/pg_config
    output=$(runs tester "PG_CONFIG=/check/client/pg_config make demo" 2>&1)
    grep -q 'apt-get install.*postgresql-server-dev' <<<"$output"
}

# Processes other than this script's own.
no_process() {
    local process
    sleep 1
    for process in /proc/[0-9]*; do
        case ${process#/proc/} in
        1 | $$ | $BASHPID) ;;
        *) tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep . && return 1 ;;
        esac
    done
    return 0
}

no_cluster() {
    [ -z "$(ls -A /etc/postgresql 2>/dev/null)" ] &&
        [ ! -e /etc/postgresql-common/createcluster.d ] &&
        [ -z "$(find /var/lib/postgresql -name PG_VERSION 2>/dev/null)" ] &&
        { ! command -v pg_lsclusters || [ "$(pg_lsclusters -h | wc -l)" -eq 0 ]; }
}

no_file() {
    local found
    found=$(
        find /tmp /var/tmp /dev/shm /run/postgresql -mindepth 1 2>/dev/null
        find /root /home/tester -mindepth 1 -maxdepth 1 -newer /check/check \
            ! -name houseprice ! -name '.bash*'
        awk 'NR > 1 {print "shared memory", $1}' /proc/sysvipc/shm
    )
    echo "$found"
    [ -z "$found" ]
}

clean_tree() { [ -z "$(runs "$1" "git status --porcelain")" ]; }
same_etc() { find /etc -type f -exec md5sum {} + | sort -k 2 | diff /check/etc.sums -; }

# go USER COMMAND: runs it, then looks for leftovers
go() {
    local started=$SECONDS
    find /etc -type f -exec md5sum {} + | sort -k 2 >/check/etc.sums
    echo
    echo "== $1: $2"
    runs "$1" "$2" >/check/command.log 2>&1
    local status=$?
    tail -n 3 /check/command.log | sed 's/^/    /'
    echo "    ($((SECONDS - started)) s)"
    [ $status -eq 0 ] || cat /check/command.log
    rm -f /check/command.log
    check "$1: $2" [ $status -eq 0 ]
    check "    no process left" no_process
    check "    no cluster left" no_cluster
    check "    no file left" no_file
    check "    clean work tree" clean_tree "$1"
}

apt-get -q update >/dev/null 2>&1
check "an ordinary user learns what to install" says_what_is_missing
check "the client's pgxs.mk is not the development package" sees_missing_headers
for user in root tester; do
    for command in "$@"; do
        go $user "$command"
        [ $user = tester ] && check "    /etc as before" same_etc
    done
done

echo
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
END

machine_run bash /check/check "$@"
