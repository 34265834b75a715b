# tools/machine.sh: a bare Debian in a directory (to be sourced)
#
#   machine_make SUITE [DIRECTORY]  makes one in $machine: minimal, with git and
#                                   make added, and the last commit in
#                                   /root/houseprice and /home/tester/houseprice
#   machine_run COMMAND...          runs a command there as root.  DIRECTORY is
#                                   there what it is here, by the same name
#   machine_mirror                  says where this machine gets Debian from
#   machine_remove                  removes it, and keeps $?; for a trap on EXIT
#
# What runs there has its own process, mount and IPC namespaces and ends with
# the command, mounts included.  Needs root, debootstrap, 3 GB in /var/tmp and
# access to Debian's packages, which the machine reaches as this one does.

machine_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

[ "$(id -u)" -eq 0 ] && command -v debootstrap >/dev/null || {
    echo "$0: needs root and debootstrap" >&2
    exit 1
}

machine_work=$(mktemp -d /var/tmp/houseprice-machine.XXXXXX) || exit 1
machine=$machine_work/root
machine_directory=
trap 'exit 1' HUP INT TERM

machine_remove() {
    local status=$?
    rm -rf --one-file-system "$machine_work"
    return $status
}

# Lines "URI SUITE ORIGIN" of where this machine gets packages from.
machine_sources() {
    apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(ORIGIN)' 'Created-By: Packages' | sort -u
}

# Where it gets Debian from.
machine_mirror() {
    local mirror
    mirror=$(machine_sources | awk '$3 == "Debian" && $2 !~ "-" {print $1; exit}')
    echo "${mirror:-http://deb.debian.org/debian}"
}

machine_make() {
    local suite=$1
    machine_directory=${2:-}
    echo "Making a minimal Debian ($suite) ..."
    debootstrap --variant=minbase --include=git,make "$suite" "$machine" "$(machine_mirror)" \
        >"$machine_work/log" 2>&1 || {
        tail -n 20 "$machine_work/log" >&2
        return 1
    }

    # The way to the packages: this machine's apt settings and name service, and
    # where it gets the same suite's updates.
    cp -a /etc/apt/apt.conf.d/. "$machine/etc/apt/apt.conf.d/"
    cp -a /etc/apt/trusted.gpg.d "$machine/etc/apt/"
    cp -L /etc/resolv.conf /etc/hosts "$machine/etc/"
    machine_sources |
        awk -v suite="$suite" '$3 == "Debian" && $2 ~ "^" suite "-" {print "deb", $1, $2, "main"}' \
            >"$machine/etc/apt/sources.list.d/updates.list"

    git -c advice.detachedHead=false clone -q --no-hardlinks "$machine_top" "$machine/root/houseprice" || return
    chroot "$machine" useradd --create-home tester
    cp -a "$machine/root/houseprice" "$machine/home/tester/"
    chroot "$machine" chown -R tester: /home/tester/houseprice
}

machine_run() {
    unshare --mount --pid --ipc --fork --kill-child bash -c '
        mount -t proc proc "$1/proc" &&
            mount --rbind /dev "$1/dev" &&
            mount -t tmpfs tmpfs "$1/dev/shm" || exit 1
        if [ -n "$2" ]; then
            mkdir -p "$1$2" && mount --bind "$2" "$1$2" || exit 1
        fi
        root=$1
        shift 2
        exec env -i PATH="$PATH" TERM=dumb HOME=/root chroot "$root" "$@"' \
        bash "$machine" "$machine_directory" "$@"
}
