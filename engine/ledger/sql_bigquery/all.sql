SELECT receipt FROM {loads}
WHERE @dataset = '' OR dataset = @dataset
ORDER BY recorded_at
