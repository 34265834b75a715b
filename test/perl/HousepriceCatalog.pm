
# HousepriceCatalog: all that the catalogs know of the extension, as text
#
#   my $state = HousepriceCatalog::state_of($node, $dbname);
#   my $text = HousepriceCatalog::dump_of($node, $dbname, @options);
#
# Two databases have the same extension if their states are equal: members and
# what hangs on them (indexes, constraints, columns, array types, TOAST), each
# as its row of its catalog with its owner, ACL, comment and dependencies.  OIDs
# are replaced by what they stand for, by the foreign keys that PostgreSQL knows
# of its catalogs; expressions by their SQL.  Left out is what counts pages and
# transactions.

package HousepriceCatalog;

use strict;
use warnings;

use PostgreSQL::Test::Utils;

my $functions = q{
	CREATE FUNCTION pg_temp.what(catalog oid, object oid, part int DEFAULT 0) RETURNS text LANGUAGE sql AS
	$$ SELECT CASE WHEN object <> 0 THEN concat_ws(' ', type, identity) END FROM pg_identify_object(catalog, object, part) $$;

	-- the row of a catalog as an expression over it: JSON with names for OIDs
	CREATE FUNCTION pg_temp.row_as_json(catalog regclass) RETURNS text LANGUAGE sql AS $$
	SELECT concat('to_jsonb(t) - ARRAY[',
		(SELECT string_agg(quote_literal(attname), ', ') FROM pg_attribute WHERE attrelid = catalog AND attnum > 0
			AND (atttypid = 'pg_node_tree'::regtype OR attname IN ('oid', 'relfilenode', 'relpages', 'reltuples', 'relallvisible', 'relfrozenxid', 'relminmxid'))),
		']::text[]',
		(SELECT string_agg(format(CASE WHEN is_array
				THEN ' || jsonb_build_object(%L, (SELECT array_agg(pg_temp.what(%s, o) ORDER BY n) FROM unnest(t.%I::oid[]) WITH ORDINALITY u(o, n)))'
				ELSE ' || jsonb_build_object(%L, pg_temp.what(%s, t.%I::oid))' END, fkcols[1], pktable::oid, fkcols[1]), '')
			FROM pg_get_catalog_foreign_keys() WHERE fktable = catalog AND cardinality(fkcols) = 1)) $$;

	-- what stands for the expressions
	CREATE FUNCTION pg_temp.definition(catalog regclass) RETURNS text LANGUAGE sql AS $$
	SELECT CASE catalog
		WHEN 'pg_proc'::regclass THEN 'CASE WHEN t.prokind IN (''f'', ''p'') THEN pg_get_functiondef(t.oid) ELSE pg_get_function_arguments(t.oid) END'
		WHEN 'pg_constraint'::regclass THEN 'pg_get_constraintdef(t.oid)'
		WHEN 'pg_attrdef'::regclass THEN 'pg_get_expr(t.adbin, t.adrelid)'
		WHEN 'pg_rewrite'::regclass THEN 'pg_get_ruledef(t.oid)'
		WHEN 'pg_index'::regclass THEN 'pg_get_indexdef(t.indexrelid)'
		WHEN 'pg_trigger'::regclass THEN 'pg_get_triggerdef(t.oid)'
		WHEN 'pg_policy'::regclass THEN 'concat(pg_get_expr(t.polqual, t.polrelid), pg_get_expr(t.polwithcheck, t.polrelid))'
		ELSE 'NULL' END $$;

	CREATE TEMP TABLE members AS
	WITH RECURSIVE m(classid, objid) AS (
		SELECT 'pg_extension'::regclass::oid, oid FROM pg_extension WHERE extname = 'houseprice'
		UNION SELECT d.classid, d.objid FROM m JOIN pg_depend d ON d.refclassid = m.classid AND d.refobjid = m.objid
		WHERE d.deptype IN ('e', 'i', 'a'))
	SELECT * FROM m;

	CREATE FUNCTION pg_temp.extension_state() RETURNS SETOF text LANGUAGE plpgsql AS $$
	DECLARE
		catalog regclass;
		key text;
	BEGIN
		FOR catalog, key IN
			SELECT DISTINCT classid::regclass, 'oid' FROM members
			UNION ALL VALUES ('pg_attribute'::regclass, 'attrelid'), ('pg_aggregate', 'aggfnoid'), ('pg_index', 'indexrelid'), ('pg_sequence', 'seqrelid')
		LOOP
			RETURN QUERY EXECUTE format('SELECT concat_ws('' '', %L, %s, %s) FROM %s t WHERE (%L::regclass::oid, t.%I::oid) IN (TABLE members)',
				catalog, pg_temp.row_as_json(catalog), pg_temp.definition(catalog), catalog,
				CASE key WHEN 'oid' THEN catalog::text WHEN 'aggfnoid' THEN 'pg_proc' ELSE 'pg_class' END, key);
		END LOOP;
		RETURN QUERY SELECT concat_ws(' ', 'comment on', pg_temp.what(classoid, objoid, objsubid) || ':', description)
			FROM pg_description WHERE (classoid, objoid) IN (TABLE members);
		RETURN QUERY SELECT concat_ws(' ', 'initial privileges of', pg_temp.what(classoid, objoid, objsubid) || ':', privtype, initprivs)
			FROM pg_init_privs WHERE (classoid, objoid) IN (TABLE members);
		RETURN QUERY SELECT concat_ws(' ', pg_temp.what(classid, objid, objsubid), 'depends on', pg_temp.what(refclassid, refobjid, refobjsubid) || ',', deptype)
			FROM pg_depend WHERE (classid, objid) IN (TABLE members);
		RETURN QUERY SELECT concat_ws(' ', pg_temp.what(classid, objid, objsubid), 'depends on', refobjid::regrole || ',', deptype)
			FROM pg_shdepend WHERE (classid, objid) IN (TABLE members) AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database());
	END
	$$;
};

# A line per fact, in order.
sub state_of
{
	my ($node, $dbname) = @_;
	my $state = $node->safe_psql($dbname, "$functions
		SET search_path = pg_catalog;
		SELECT replace(f, E'\\n', ' ') FROM pg_temp.extension_state() f ORDER BY f COLLATE \"C\"");

	# names made of OIDs, and the stamps of columns that some minor versions have
	$state =~ s/\b(pg_toast|RI_ConstraintTrigger_[ac])_\d+/$1_N/g;
	$state =~ s/"pg_attver=\d+"/"pg_attver=N"/g;
	return join("\n", sort split /\n/, $state) . "\n";
}

# A dump as text, without the keys that psql is locked with.
sub dump_of
{
	my ($node, $dbname, @options) = @_;
	my ($stdout, $stderr) = run_command([ 'pg_dump', @options, '-d', $node->connstr($dbname) ]);

	return $stderr ne '' ? $stderr : $stdout =~ s/^(\\(un)?restrict |--).*$//mgr;
}

# The lines that two texts do not share, for a message.
sub difference
{
	my ($old, $new) = @_;
	my %count;

	$count{$_}++ foreach split /\n/, $old;
	$count{$_}-- foreach split /\n/, $new;
	return join('', map { ($count{$_} > 0 ? '-' : '+') . " $_\n" } grep { $count{$_} } sort keys %count);
}

1;
