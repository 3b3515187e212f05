UPDATE {loads}
SET
    state = 'failed',
    error = %(error)s,
    receipt = receipt || jsonb_build_object('state', 'failed', 'error', %(error)s::text)
WHERE table_name = %(table_name)s AND source_month = %(source_month)s AND state = 'loading'
