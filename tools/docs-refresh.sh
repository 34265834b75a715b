#!/bin/bash
#
# tools/docs-refresh.sh: brings the manual up to what the product does
#
# Runs every SQL example of README.md and docs in a private cluster and writes
# what it prints below it; likewise the tables of parameters in
# docs/reference/params.md.  Read the difference (git diff) before you keep it:
# test/t/010_docs.pl only knows what the manual says.
#
# Examples that need Kaggle's train.csv are left as they are where
# ../shared/data/ames/train.csv and HOUSEPRICE_TRAIN_CSV are not there.

here=$(dirname "$0")
"$here/setup.sh" test || exit
. "$here/cluster.sh"

cluster_build docs || exit
cluster_start || exit
cd "$top" || exit
run psql -X -q -c 'CREATE DATABASE manual' || exit
run psql -X -q -v ON_ERROR_STOP=1 -d manual -c 'CREATE EXTENSION houseprice' \
    -f data/houses.sql || exit
run perl -I test/perl tools/docs-refresh.pl "$@"
