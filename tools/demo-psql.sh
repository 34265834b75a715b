#!/bin/bash
#
# tools/demo-psql.sh: make demo-psql; psql with the Ames houses loaded
#
# As make demo, but leaves you in psql on the private cluster: table houses and
# extension houseprice are there.  Everything is removed when you leave.

here=$(dirname "$0")
"$here/setup.sh" demo || exit
. "$here/cluster.sh"

cluster_build demo || exit
cluster_start || exit
cd "$top" || exit
run psql -X -q -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION houseprice' \
    -f data/houses.sql || exit

if [ -t 0 ]; then
    echo "Table houses is loaded (\\d houses), model functions begin with hp_ (\\df hp_*)."
    echo "Leave with \\q: the cluster and all that is in it disappear."
fi
# Ctrl-C is psql's: it cancels a query.  Waiting for psql in the background
# lets the other signals act at once, also while a query runs.
trap : INT
psql -X <&0 &
client=$!
while kill -0 $client 2>/dev/null; do
    wait $client
done
