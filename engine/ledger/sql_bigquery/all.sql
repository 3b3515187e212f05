SELECT receipt, table_name FROM {loads}
WHERE (@dataset = '' OR dataset = @dataset) AND (@table_name = '' OR table_name = @table_name)
ORDER BY recorded_at
