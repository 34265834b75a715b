# tools/cluster.sh: a private, throw-away PostgreSQL cluster (to be sourced)
#
#   cluster_build NAME [ARG...]  builds in build/NAME-pgNN, installs to $stage
#   cluster_start                makes a cluster and starts its server, which
#                                looks for extensions in $stage, under
#                                "${under[@]}" if that is set; sets PGHOST and
#                                so on.  The same in steps:
#   cluster_init                 makes the cluster, $work/server/data
#   cluster_serve                starts its server
#   cluster_stop                 stops it
#   cluster_under_asan RUNTIME [OPTIONS]
#                                lets the server have a sanitizer's runtime
#   run COMMAND...               runs a command so that signals act at once
#   "${as_server[@]}" COMMAND... runs a command as the server's user
#
# Sourcing makes the directory $work.  However the script ends, also by Ctrl-C,
# kill or a closed terminal, the server is stopped and $work is removed.  The
# server listens on a Unix socket inside $work only, so it cannot collide with
# an existing cluster, and none is looked at.
#
# PostgreSQL refuses to run as root: as root the server runs as user postgres
# (or nobody), everything else as root.

set -u
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
pg_config=${PG_CONFIG:-pg_config}
bindir=$("$pg_config" --bindir)
major=$("$pg_config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')

# Settings meant for another server must not lead us there, and what the
# calling make was told is not for ours.
for name in ${!PG*}; do
    [ "$name" = PG_CONFIG ] || unset "$name"
done
unset MAKEFLAGS MFLAGS MAKELEVEL

# /tmp, whatever TMPDIR says: the name of a socket is limited to 107 bytes.
work=$(mktemp -d /tmp/houseprice.XXXXXX) || exit 1
chmod 755 "$work"
mkdir -m 1777 "$work/tmp"
export TMPDIR=$work/tmp
stage=$work/stage

under=()
as_server=()
if [ "$(id -u)" -eq 0 ]; then
    server_user=$(id -un postgres 2>/dev/null || echo nobody)
    as_server=(setpriv --reuid="$server_user" --regid="$(id -g "$server_user")"
        --clear-groups env HOME="$work")
fi

# ---- leaving nothing behind -------------------------------------------------

cluster_cleanup() {
    local status=$?
    trap - EXIT
    trap '' HUP INT TERM
    kill $(jobs -p) 2>/dev/null
    cluster_sweep
    kill -KILL "$bystander" 2>/dev/null
    give_back
    exit $status
}

# Stops whatever has its current directory below $work, then removes $work.
# Of a server only the postmaster is told: it ends the others, and frees the
# shared memory.  An initdb may finish, for the same reason.
cluster_sweep() {
    local round process pid cwd busy
    for round in {1..50}; do
        busy=
        for process in /proc/[0-9]*; do
            cwd=$(readlink "$process/cwd")
            [[ $cwd == "$work"/* ]] || continue
            busy=1
            pid=${process#/proc/}
            if [ "$round" -gt 40 ]; then
                kill -KILL "$pid"
            elif ! grep -qxE 'postgres|initdb' "$process/comm"; then
                kill -TERM "$pid"
            elif [ "$(head -n 1 "$cwd/postmaster.pid")" = "$pid" ]; then
                kill -QUIT "$pid"
            fi
        done
        [ -z "$busy" ] && break
        sleep 0.1
    done 2>/dev/null
    rm -rf "$work"
}

# kill -9 runs no trap: a bystander notices and sweeps.  (read -t sleeps
# without a process that could itself be left behind.)
cluster_bystander() {
    trap '' HUP INT TERM
    exec {silence}<> <(:)
    while kill -0 "$1"; do
        read -r -t 0.5 -u "$silence"
    done
    cluster_sweep
}

# In a tree that belongs to somebody else root leaves no files of its own.
give_back() {
    if [ "$(id -u)" -eq 0 ] && [ -d "$top/build" ]; then
        chown -R --reference="$top" "$top/build"
    fi
}

trap cluster_cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
setsid bash -c "work=$work; $(declare -f cluster_sweep cluster_bystander)
    cluster_bystander $$" </dev/null >/dev/null 2>&1 &
bystander=$!
disown "$bystander"

# Bash acts on a signal only after the command in the foreground, but "wait" is
# cut short.  Standard input is passed on, or it would be /dev/null.
run() {
    "$@" <&0 &
    wait $!
}

# ---- build and start --------------------------------------------------------

# Shows the compiler's output only if it has something to say.
cluster_build() {
    build=$top/build/$1-pg$major
    local make=(make -s -C "$build" -f ../../Makefile PG_CONFIG="$pg_config")
    shift
    mkdir -p "$build"
    if ! run "${make[@]}" -j"$(nproc)" "$@" all >"$work/build.log" 2>&1 ||
        ! run "${make[@]}" "$@" DESTDIR="$stage" install >>"$work/build.log" 2>&1; then
        cat "$work/build.log" >&2
        echo "The build failed." >&2
        return 1
    fi
    cat "$work/build.log"
}

# How a server finds extensions under $stage: Debian's extension_destdir, or
# the settings that came with PostgreSQL 18.
stage_settings() {
    local postgres=("${as_server[@]}" "$bindir/postgres" -D "$1")
    if "${postgres[@]}" -C extension_destdir >/dev/null 2>&1; then
        echo "extension_destdir = '$stage'"
    elif "${postgres[@]}" -C extension_control_path >/dev/null 2>&1; then
        echo "extension_control_path = '$stage$("$pg_config" --sharedir):\$system'"
        echo "dynamic_library_path = '$stage$("$pg_config" --pkglibdir):\$libdir'"
    else
        echo "This PostgreSQL finds installed extensions only: a private cluster needs" >&2
        echo "Debian's setting extension_destdir, or PostgreSQL 18.  Say make install," >&2
        echo "and make installcheck against a running server." >&2
        return 1
    fi
}

# PostgreSQL leaks on purpose, and has handlers of its own.
cluster_under_asan() {
    gcc -shared -fPIC -O1 -o "$work/untranslated.so" "$top/test/asan/untranslated.c" || return
    under=(env LD_PRELOAD="$1 $work/untranslated.so"
        UBSAN_OPTIONS="print_stacktrace=1${2:+:$2}"
        ASAN_OPTIONS="detect_leaks=0:handle_segv=0:handle_sigfpe=0:abort_on_error=1${2:+:$2}")
}

cluster_start() { cluster_init && cluster_serve; }

cluster_init() {
    local home=$work/server
    local data=$home/data
    mkdir -m 700 "$home"
    [ "$(id -u)" -eq 0 ] && chown "$server_user" "$home"
    # In the foreground and out of reach of a Ctrl-C: it takes a second.
    if ! "${as_server[@]}" setsid -w "$bindir/initdb" -D "$data" -U postgres -A trust -N \
        --encoding=UTF8 --locale=C.UTF-8 >"$work/initdb.log" 2>&1; then
        cat "$work/initdb.log" >&2
        return 1
    fi
    stage_settings "$data" >"$work/stage.conf" || return 1
    "${as_server[@]}" tee -a "$data/postgresql.conf" >/dev/null <<END
$(cat "$work/stage.conf")
listen_addresses = ''
unix_socket_directories = '$home'
port = 5432
fsync = off
cluster_name = 'houseprice'
END
}

cluster_serve() {
    local home=$work/server
    # A session of its own: a Ctrl-C meant for psql must not stop the server.
    "${as_server[@]}" setsid "${under[@]}" "$bindir/postgres" -D "$home/data" \
        </dev/null >"$work/server.log" 2>&1 &
    local postmaster=$!
    export PGHOST=$home PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
    export PGCLIENTENCODING=UTF8 # the text bars, also where no locale is set
    export PATH=$bindir:$PATH
    until pg_isready -q; do
        if ! kill -0 $postmaster 2>/dev/null; then
            cat "$work/server.log" >&2
            echo "The private server did not start." >&2
            return 1
        fi
        sleep 0.1
    done
}

cluster_stop() {
    "${as_server[@]}" "$bindir/pg_ctl" -D "$work/server/data" -w -m fast stop >/dev/null
}
