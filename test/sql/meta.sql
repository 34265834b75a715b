--
-- The extension as the catalogs see it
--
-- every object has a comment
SELECT pg_describe_object(classid, objid, objsubid) AS without_comment
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'houseprice')
	AND obj_description(objid, (SELECT relname FROM pg_class WHERE oid = classid)::name) IS NULL
	AND NOT (classid = 'pg_type'::regclass AND (SELECT typelem <> 0 OR typrelid <> 0 FROM pg_type WHERE oid = objid))
ORDER BY 1;
SELECT obj_description(oid, 'pg_extension') AS comment FROM pg_extension WHERE extname = 'houseprice';

-- functions that users call: volatility, strictness, parallel safety
SELECT oid::regprocedure AS function, pg_get_function_result(oid) AS returns,
	CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
	CASE proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END AS parallel,
	CASE WHEN proisstrict THEN 'strict' ELSE '' END AS nulls
FROM pg_proc p
WHERE EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e'
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'houseprice'))
	AND prokind = 'f' AND prorettype <> 'internal'::regtype AND 'internal'::regtype <> ALL (proargtypes)
ORDER BY proname, pg_get_function_identity_arguments(oid);

-- aggregates: safe in parallel plans and windows, whole
SELECT aggfnoid::regprocedure AS aggregate, pg_get_function_result(aggfnoid) AS returns,
	proparallel = 's' AS parallel_safe, aggcombinefn <> 0 AND aggserialfn <> 0 AND aggdeserialfn <> 0 AS partial,
	aggfinalmodify = 'r' AS final_reads_only, aggtranstype = 'internal'::regtype AS internal
FROM pg_aggregate JOIN pg_proc p ON p.oid = aggfnoid
WHERE EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e'
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'houseprice'))
ORDER BY proname, pg_get_function_identity_arguments(p.oid);

-- their parts are immutable and safe, so that plans may use them; what looks a
-- name up is stable
SELECT oid::regprocedure AS unsafe_part FROM pg_proc p
WHERE EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e'
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'houseprice'))
	AND (prorettype = 'internal'::regtype OR 'internal'::regtype = ANY (proargtypes))
	AND (provolatile <> CASE WHEN proname = 'hp_drift_accum' AND 'text'::regtype = ANY (proargtypes) THEN 's' ELSE 'i' END
		OR proparallel <> 's')
ORDER BY 1;
-- those that work on internal states cannot be called by hand; the words of
-- the error differ between minor versions
DO $$
DECLARE
	call text;
BEGIN
	FOREACH call IN ARRAY ARRAY['hp_train_final(NULL)', 'hp_model_recv(NULL)']
	LOOP
		BEGIN
			EXECUTE 'SELECT ' || call;
			RAISE NOTICE '% can be called', call;
		EXCEPTION WHEN undefined_function OR feature_not_supported THEN
			RAISE NOTICE '% cannot be called', call;
		END;
	END LOOP;
END
$$;

-- names: hp_ or nothing; no function is called as a type
SELECT proname FROM pg_proc p
WHERE EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e'
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'houseprice'))
	AND (proname !~ '^hp_' OR proname IN (SELECT typname FROM pg_type) OR prosecdef OR proconfig IS NOT NULL)
ORDER BY 1;

-- tables and views, which of them are dumped, and what is not for everybody
SELECT c.oid::regclass AS relation, relkind, c.oid = ANY (extconfig) AS dumped, has_table_privilege('pg_monitor', c.oid, 'SELECT') AS read_by_all
FROM pg_class c JOIN pg_depend ON classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e'
	JOIN pg_extension x ON x.oid = refobjid AND extname = 'houseprice'
WHERE relkind IN ('r', 'v') ORDER BY relname;
SELECT p.oid::regprocedure AS not_for_all
FROM pg_proc p JOIN pg_depend ON classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e'
	JOIN pg_extension x ON x.oid = refobjid AND extname = 'houseprice'
WHERE NOT has_function_privilege('pg_monitor', p.oid, 'EXECUTE') ORDER BY proname;

-- the type
SELECT typname, typlen, typalign, typstorage, typcategory FROM pg_type WHERE typname = 'hp_model';
-- the settings, known once the library is loaded
SELECT hp_mean();
SELECT name, setting, boot_val, vartype, context, min_val, max_val, short_desc
FROM pg_settings WHERE name LIKE 'houseprice.%' ORDER BY name;
SET houseprice.threads = 65;
SET houseprice.treads = 1;
-- not to be moved
SELECT extname, extrelocatable FROM pg_extension WHERE extname = 'houseprice';
ALTER EXTENSION houseprice SET SCHEMA pg_temp;
