SELECT c.relname, n.nspname
FROM pg_inherits AS i
JOIN pg_class AS c ON c.oid = i.inhrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE
    i.inhparent = to_regclass(%(parent)s)
    AND pg_get_expr(c.relpartbound, c.oid) = format('FOR VALUES IN (%%L)', %(month)s::date::text)
