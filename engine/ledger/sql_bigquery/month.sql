SELECT receipt, table_name FROM {loads}
WHERE source_month = DATE '{day}' AND table_name = @table_name
ORDER BY recorded_at
