/* houseprice 0.2.0: lifecycle: versions, gates, releases, drift */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION houseprice UPDATE TO '0.2.0'" to load this file. \quit
