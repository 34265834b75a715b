#!/bin/bash
#
# tools/bench.sh: make bench; what we need beside the peers
#
#   tools/bench.sh [--large] [--huge] [--quick] [--only REGEX] [--write FILE] ...
#   tools/bench.sh --selection ...      bench/selection.py instead of bench.py
#
# Installs what is missing, builds, starts a private cluster, loads the Ames
# houses and runs bench/bench.py with these arguments, from the top level.
# Leaves nothing behind but FILE.

here=$(dirname "$0")
"$here/setup.sh" bench || exit
. "$here/cluster.sh"

cluster_build bench || exit
cluster_start || exit
cd "$top" || exit
run psql -X -q -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION houseprice' \
    -f data/houses.sql -f bench/synthetic.sql || exit

# The peers' idle OpenMP threads shall sleep, not spin: where other programs
# run, too, spinning makes them ten times slower, and is charged to them.
export OMP_WAIT_POLICY=passive
program=bench.py
if [ "${1:-}" = --selection ]; then
    program=selection.py
    shift
fi
run /usr/bin/python3 "bench/$program" "$@"
