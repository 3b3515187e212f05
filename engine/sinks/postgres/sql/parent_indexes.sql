-- What has to exist on a new partition so that ATTACH finds it instead of building it under its lock: constraints as
-- they are, other indexes without the name and the table they were made for.
SELECT
    con.oid IS NOT NULL AS is_constraint,
    CASE
        WHEN con.oid IS NOT NULL THEN pg_get_constraintdef(con.oid)
        ELSE substr(
            pg_get_indexdef(x.indexrelid),
            length(
                format(
                    'CREATE %%sINDEX %%I ON ONLY %%I.%%I ',
                    CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END, c.relname, %(schema)s::text, %(table)s::text
                )
            )
        )
    END AS definition,
    x.indisunique
FROM pg_index AS x
JOIN pg_class AS c ON c.oid = x.indexrelid
LEFT JOIN pg_constraint AS con ON con.conindid = x.indexrelid AND con.contype IN ('p', 'u') AND con.conrelid = x.indrelid
WHERE x.indrelid = %(oid)s
UNION ALL
-- ATTACH looks for a check by its name
SELECT true, format('CONSTRAINT %%I %%s', con.conname, pg_get_constraintdef(con.oid)), false
FROM pg_constraint AS con
WHERE con.conrelid = %(oid)s AND con.contype = 'c'
