-- Tables of loads that were not published; whoever holds the month's lock knows that their loads are dead.
SELECT c.relname
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE
    n.nspname = %(schema)s AND c.relkind = 'r' AND starts_with(c.relname, '_engine_')
    AND obj_description(c.oid, 'pg_class') = %(mark)s
    AND NOT c.relispartition
