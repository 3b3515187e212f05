SELECT receipt::text
FROM {loads}
WHERE table_name = %(table_name)s AND source_month = %(source_month)s AND state = 'loaded'
ORDER BY load_id DESC
LIMIT 1
