UPDATE {loads}
SET state = 'superseded', receipt = jsonb_set(receipt, '{{state}}', '"superseded"')
WHERE table_name = %(table_name)s AND source_month = %(source_month)s AND state = 'loaded' AND load_id <> %(load_id)s
