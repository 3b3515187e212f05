INSERT INTO {loads} (
    load_id, dataset, table_name, source_month, state, mode, recorded_at, started_at, finished_at, lines, loaded,
    present, quarantined, total, id_checksum, source_url, source_bytes, source_sha256, source_etag, identity, contract,
    engine_version, job, bytes_billed, error, receipt
)
SELECT
    @load_id, @dataset, @table_name, @source_month, @state, @mode, CURRENT_TIMESTAMP(), @started_at, @finished_at,
    @lines, @loaded, @present, @quarantined, @total, @id_checksum, @source_url, @source_bytes, @source_sha256,
    @source_etag, @identity, @contract, @engine_version, @job, @bytes_billed, @error, @receipt
FROM (SELECT 1)
{condition}
