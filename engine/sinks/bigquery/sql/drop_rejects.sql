DELETE FROM {rejects}
WHERE source_month = DATE '{day}' AND table_name = @table_name AND load_id IN UNNEST(@load_ids)
