#!/bin/bash
#
# tools/setup.sh: installs what is missing, and nothing else
#
#   tools/setup.sh demo|bench|test|valgrind|fuzz|ci
#
#   demo   what builds and runs the extension
#   bench  and its peers
#   test   and its tests
#   valgrind  and valgrind
#   fuzz   and clang with its sanitizers
#   ci     and every check of .ci/run
#
# Looks for the things themselves, so a PostgreSQL that PG_CONFIG names counts
# as well as a packaged one.  When nothing is missing apt is not touched.  Asks
# no question; who may not install is told what to install, and the exit status
# is 1.

set -u

purpose=${1:-}
case $purpose in
demo | bench | test | valgrind | fuzz | ci) ;;
*)
    echo "usage: $0 demo|bench|test|valgrind|fuzz|ci" >&2
    exit 2
    ;;
esac

pg_config=${PG_CONFIG:-pg_config}
missing=()

# need PACKAGE COMMAND...: the package is missing if the command fails
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 </dev/null || missing+=("$package")
}

# The distribution's PostgreSQL, where none is there yet.
default_major() {
    case $(. /etc/os-release 2>/dev/null && echo "${ID:-}-${VERSION_ID:-}") in
    debian-13) echo 17 ;;
    *) echo 15 ;;
    esac
}

has_program() { command -v "$1"; }
has_header() { echo "#include <$2>" | "$1" -fopenmp -E -x c -; }
has_server() { [ -x "$("$pg_config" --bindir)/initdb" ]; }
has_server_dev() {
    [ -f "$("$pg_config" --pgxs)" ] && # which the client's package has too
        [ -f "$("$pg_config" --includedir-server)/postgres.h" ]
}
has_cxx_library() { echo 'int main(void) { return 0; }' | clang -x c - -lstdc++ -o /dev/null; }
# Of a PostgreSQL that no package brought, no package has the module.
has_cron() {
    local libraries
    libraries=$("$pg_config" --pkglibdir) || return
    [ -f "$libraries/pg_cron.so" ] || [ "$libraries" != "/usr/lib/postgresql/$1/lib" ]
}
has_browser() { has_program chromium || has_program chromium-browser || has_program google-chrome; }
has_sanitizers() { ls "$(clang -print-runtime-dir)" | grep -q libclang_rt.tsan; }

look() {
    local major module
    missing=()
    major=$("$pg_config" --version 2>/dev/null | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p')
    major=${major:-$(default_major)}

    need make has_program make
    need gcc has_program gcc
    need libc6-dev has_header gcc stdio.h
    need "postgresql-server-dev-$major" has_server_dev
    need "postgresql-$major" has_server
    [ "$purpose" = demo ] && return

    if [ "$purpose" = bench ]; then
        need python3 /usr/bin/python3 -c 1
        for module in numpy pandas psycopg2 sklearn xgboost; do
            need "python3-$module" /usr/bin/python3 -c "import $module"
        done
        need r-base-core has_program Rscript
        need r-cran-ranger Rscript -e 'library(ranger)'
        return
    fi

    need perl has_program prove
    need libipc-run-perl perl -MIPC::Run -e 1
    case $purpose in test | ci) need "postgresql-$major-cron" has_cron "$major" ;; esac
    if [ "$purpose" = valgrind ]; then
        need valgrind has_program valgrind
        need libc6-dbg valgrind -q true # which it cannot do without
    fi
    [ "$purpose" = ci ] || [ "$purpose" = fuzz ] || return

    need clang has_program clang
    need libomp-dev has_header clang omp.h
    need libclang-rt-14-dev has_sanitizers
    need libstdc++-12-dev has_cxx_library # of libFuzzer
    [ "$purpose" = fuzz ] && return

    need clang-format-14 has_program clang-format-14
    need clang-tidy-14 has_program clang-tidy-14
    need cppcheck has_program cppcheck
    need binutils has_program nm
    need chromium has_browser # of the test of hp_report
}

# Debian's server package creates and starts a cluster "main" when it is first
# installed.  Nobody asked for one: say no while we install.
cluster_conf=/etc/postgresql-common/createcluster.d/houseprice-setup.conf

install_missing() {
    local sudo=$1
    trap '$sudo rm -f $cluster_conf
        $sudo rmdir --ignore-fail-on-non-empty ${cluster_conf%/*} 2>/dev/null' EXIT
    trap 'exit 1' INT TERM HUP
    $sudo mkdir -p "${cluster_conf%/*}"
    echo 'create_main_cluster = false' | $sudo tee "$cluster_conf" >/dev/null

    local apt=($sudo env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
        APT_LISTCHANGES_FRONTEND=none apt-get -q -y
        -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0)
    "${apt[@]}" update </dev/null || true # old lists may do
    "${apt[@]}" --no-install-recommends install "${missing[@]}" </dev/null
}

look
[ ${#missing[@]} -eq 0 ] && exit 0

how="apt-get install --no-install-recommends ${missing[*]}"
sudo=none
if [ "$(id -u)" -eq 0 ]; then
    sudo=
elif sudo -n true 2>/dev/null; then
    sudo=sudo
fi
if ! command -v apt-get >/dev/null; then
    echo "Missing, by the names of Debian's packages: ${missing[*]}" >&2
    exit 1
elif [ "$sudo" = none ]; then
    echo "Missing packages: ${missing[*]}" >&2
    echo "Install them as root, then try again:" >&2
    echo "    $how" >&2
    exit 1
fi

echo "Installing: ${missing[*]}"
log=$(mktemp)
if ! (install_missing "$sudo") >"$log" 2>&1; then
    cat "$log" >&2
    echo "Could not install: ${missing[*]}" >&2
    rm -f "$log"
    exit 1
fi
rm -f "$log"

look
if [ ${#missing[@]} -gt 0 ]; then
    echo "Still missing after \"$how\": ${missing[*]}" >&2
    exit 1
fi
