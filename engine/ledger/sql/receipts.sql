SELECT DISTINCT ON (table_name, source_month) receipt::text
FROM {loads}
WHERE (%(dataset)s::text IS NULL OR dataset = %(dataset)s)
    AND (%(table)s::text IS NULL OR table_name = %(table)s)
-- what is loaded says more about a month than a later attempt that failed
ORDER BY table_name, source_month, state = 'loaded' DESC, load_id DESC
