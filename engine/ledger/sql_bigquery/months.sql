SELECT table_name, dataset, source_month, load_id, loaded, present, quarantined, total, id_checksum, source_url,
    source_bytes, source_sha256, bytes_billed, mode, identity, contract, engine_version, started_at, finished_at
FROM {loads}
WHERE state = 'loaded'
QUALIFY ROW_NUMBER() OVER (PARTITION BY table_name, source_month ORDER BY recorded_at DESC) = 1
