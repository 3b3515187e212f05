WHERE NOT EXISTS (
    SELECT 1 FROM {loads}
    WHERE source_month = DATE '{day}' AND table_name = @table_name AND state = 'loaded'
        AND load_id NOT IN UNNEST(@seen)
)
