import type { Names } from './statement.ts';

/**
 * Functions of the catalogue that PostgreSQL calls volatile and that change nothing: their value is another each time, or
 * they tell of what goes on. https://www.postgresql.org/docs/current/functions.html
 */
const HARMLESS: readonly string[] = [
  ...['random', 'random_normal', 'setseed', 'clock_timestamp', 'timeofday', 'gen_random_uuid', 'uuidv4', 'uuidv7'],
  ...['array_sample', 'array_shuffle'],
  // Ended with their statement, which has a time of its own.
  ...['pg_sleep', 'pg_sleep_for', 'pg_sleep_until'],
  ...['currval', 'lastval', 'pg_sequence_last_value', 'current_query', 'txid_status', 'pg_xact_status'],
  ...['pg_xact_commit_timestamp', 'pg_xact_commit_timestamp_origin', 'pg_last_committed_xact', 'pg_prepared_xact'],
  ...['pg_database_size', 'pg_tablespace_size', 'pg_relation_size', 'pg_table_size', 'pg_indexes_size'],
  ...['pg_total_relation_size', 'pg_partition_tree', 'pg_partition_ancestors', 'pg_blocking_pids', 'pg_lock_status'],
  ...['pg_safe_snapshot_blocking_pids', 'pg_is_in_recovery', 'pg_is_wal_replay_paused', 'pg_current_wal_lsn'],
  ...['pg_current_wal_insert_lsn', 'pg_current_wal_flush_lsn', 'pg_last_wal_receive_lsn', 'pg_last_wal_replay_lsn'],
  ...['pg_last_xact_replay_timestamp', 'pg_jit_available', 'pg_collation_actual_version'],
  ...['pg_database_collation_actual_version', 'pg_notification_queue_usage', 'pg_stat_get_xact_numscans'],
  // Ways to sample a table, which are written as if they were called.
  ...['bernoulli', 'system'],
];

/** The same of uuid-ossp, pgcrypto and pg_stat_statements, where they are what these extensions brought. */
const HARMLESS_OF_EXTENSIONS: readonly string[] = [
  ...['uuid_generate_v1', 'uuid_generate_v1mc', 'uuid_generate_v4', 'gen_random_uuid', 'gen_random_bytes', 'gen_salt'],
  ...['pg_stat_statements', 'pg_stat_statements_info'],
];

/** Written as words too, such as LIKE, IN and BETWEEN, or not at all, as for JOIN … USING and ORDER BY. */
const HIDDEN_OPERATORS: readonly string[] = ['=', '<>', '<', '>', '<=', '>=', '~~', '!~~', '~~*', '!~~*'];

/** What the server comes with has a lower number (FirstNormalObjectId). */
const FIRST_OWN = '16384';

/**
 * The first function that a statement may call and that acts: a volatile one that is not known to be harmless, one that
 * runs as its owner, or one of well-known extensions that runs a text as a statement although it is called stable.
 *
 * A name counts in whatever schema it is, as a search path may lead to any. $1: names that are called. $2: names that may
 * be functions of a row. $3: all names, which may be those of views and types. $4: what may be operators.
 * A view is followed to the functions and views in its rule, which has their numbers (pg_node_tree).
 */
const ACTING_FUNCTION = `
  WITH RECURSIVE view(oid) AS (
    SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relname OPERATOR(pg_catalog.=) ANY ($3::pg_catalog.name[])
    UNION
    SELECT found[1]::pg_catalog.oid
    FROM view JOIN rule ON rule.view OPERATOR(pg_catalog.=) view.oid,
      pg_catalog.regexp_matches(rule.tree, ':relid ([0-9]+)', 'g') found
  ), rule(view, tree) AS (
    SELECT c.oid, r.ev_action::pg_catalog.text
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_rewrite r ON r.ev_class OPERATOR(pg_catalog.=) c.oid
    WHERE c.relkind OPERATOR(pg_catalog.=) 'v' AND r.ev_type OPERATOR(pg_catalog.=) '1'
      AND c.oid OPERATOR(pg_catalog.>=) ${FIRST_OWN}::pg_catalog.oid
  )
  SELECT p.proname AS name
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
  WHERE (
    p.proname OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.name[])
    OR (
      p.proname OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.name[])
      AND p.pronargs OPERATOR(pg_catalog.-) p.pronargdefaults OPERATOR(pg_catalog.<=) 1
    )
    OR p.oid OPERATOR(pg_catalog.=) ANY (ARRAY(
      SELECT found[1]::pg_catalog.oid
      FROM view JOIN rule ON rule.view OPERATOR(pg_catalog.=) view.oid,
        pg_catalog.regexp_matches(rule.tree, ':(?:funcid|opfuncid|aggfnoid|winfnoid) ([0-9]+)', 'g') found
    ))
    OR p.oid OPERATOR(pg_catalog.=) ANY (ARRAY(
      SELECT o.oprcode::pg_catalog.oid FROM pg_catalog.pg_operator o
      WHERE o.oid OPERATOR(pg_catalog.>=) ${FIRST_OWN}::pg_catalog.oid AND (
        o.oprname OPERATOR(pg_catalog.=) ANY ($5::pg_catalog.name[])
        OR pg_catalog.strpos($4, o.oprname::pg_catalog.text) OPERATOR(pg_catalog.>) 0
      )
    ))
    OR p.oid OPERATOR(pg_catalog.=) ANY (ARRAY(
      SELECT c.castfunc FROM pg_catalog.pg_cast c
      JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) c.casttarget
      WHERE t.typname OPERATOR(pg_catalog.=) ANY ($3::pg_catalog.name[])
    ))
  )
  AND CASE WHEN n.nspname OPERATOR(pg_catalog.=) 'pg_catalog'
    THEN p.provolatile OPERATOR(pg_catalog.=) 'v' AND NOT p.proname OPERATOR(pg_catalog.=) ANY ($6::pg_catalog.name[])
    ELSE p.prosecdef
      OR p.proname OPERATOR(pg_catalog.~) '^(crosstab|connectby|xpath_table|dblink)'
      OR (
        p.provolatile OPERATOR(pg_catalog.=) 'v'
        AND NOT (
          p.proname OPERATOR(pg_catalog.=) ANY ($7::pg_catalog.name[])
          AND EXISTS (
            SELECT FROM pg_catalog.pg_depend d
            WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
              AND d.objid OPERATOR(pg_catalog.=) p.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'
          )
        )
      )
  END
  ORDER BY 1 LIMIT 1`;

/** The query that gives the function, as `name`, of a statement with these names; no row for none. */
export function actingFunction({ called, attributes, all, symbols }: Names): { text: string; values: unknown[] } {
  const known = [HIDDEN_OPERATORS, HARMLESS, HARMLESS_OF_EXTENSIONS];
  return { text: ACTING_FUNCTION, values: [called, attributes, all, symbols, ...known] };
}
