SELECT
    c.oid,
    c.relkind = 'p' AND p.partstrat = 'l' AND p.partnatts = 1 AND a.attname = 'source_month' AS ours,
    coalesce(obj_description(c.oid, 'pg_class'), '') AS comment
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_partitioned_table AS p ON p.partrelid = c.oid
LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
WHERE n.nspname = %(schema)s AND c.relname = %(table)s
