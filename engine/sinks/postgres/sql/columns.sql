SELECT
    a.attname,
    format_type(a.atttypid, a.atttypmod),
    -- another collation than the type's own
    CASE WHEN c.oid IS NULL THEN '' ELSE format(' COLLATE %%I.%%I', n.nspname, c.collname) END AS collation,
    a.attgenerated <> ''
FROM pg_attribute AS a
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_collation AS c ON c.oid = a.attcollation AND c.oid <> t.typcollation
LEFT JOIN pg_namespace AS n ON n.oid = c.collnamespace
WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
