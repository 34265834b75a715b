#!/bin/bash
#
# tools/test-pg17.sh: make test-pg17; every test with PostgreSQL 17
#
# In a fresh Debian 13, whose PostgreSQL is 17: see fresh-machine.sh.

exec "$(dirname "$0")/fresh-machine.sh" trixie "make test"
