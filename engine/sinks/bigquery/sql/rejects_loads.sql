SELECT DISTINCT load_id FROM {rejects}
WHERE source_month = DATE '{day}' AND table_name = @table_name
