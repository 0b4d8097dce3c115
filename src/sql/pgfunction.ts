/**
 * Functions of the catalogue that PostgreSQL calls volatile and that change nothing: their value is another each time, or
 * they tell of what goes on. https://www.postgresql.org/docs/current/functions.html
 */
export const HARMLESS: readonly string[] = [
  ...['random', 'random_normal', 'setseed', 'clock_timestamp', 'timeofday', 'gen_random_uuid', 'uuidv4', 'uuidv7'],
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

/**
 * Of the names $1 that are called, and the names $2 that may be functions of a row, those of functions that act: volatile
 * ones but for $3 in the catalogue, those that run as their owner, and those of well-known extensions that run a text
 * as a statement although they are called stable.
 */
export const ACTING_FUNCTIONS = `
  SELECT p.proname AS name
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
  WHERE (
    p.proname OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.name[])
    OR (p.proname OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.name[]) AND p.pronargs OPERATOR(pg_catalog.=) 1)
  )
  AND CASE WHEN n.nspname OPERATOR(pg_catalog.=) 'pg_catalog'
    THEN p.provolatile OPERATOR(pg_catalog.=) 'v' AND NOT p.proname OPERATOR(pg_catalog.=) ANY ($3::pg_catalog.name[])
    ELSE p.provolatile OPERATOR(pg_catalog.=) 'v' OR p.prosecdef
      OR p.proname OPERATOR(pg_catalog.~) '^(crosstab|connectby|xpath_table|dblink)'
  END
  ORDER BY 1 LIMIT 1`;
