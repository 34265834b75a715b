#!/bin/bash
#
# tools/demo.sh: make demo; from a bare machine to a trained model
#
# Installs what is missing, builds, starts a private cluster, loads the Ames
# houses and runs examples/demo.sql.  Leaves nothing behind but the build, and
# in it the page that hp_report makes: build/demo/report.html.

here=$(dirname "$0")
"$here/setup.sh" demo || exit
. "$here/cluster.sh"

echo "Building houseprice for PostgreSQL $major ..."
cluster_build demo || exit
echo "Starting a private cluster and loading the Ames houses ..."
cluster_start || exit
cd "$top" || exit
run psql -X -q -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION houseprice' \
    -f data/houses.sql || exit
mkdir -p build/demo
run psql -X -q -v ON_ERROR_STOP=1 -v report="$top/build/demo/report.html" -f examples/demo.sql
