INSERT INTO {loads} AS known (
    load_id, dataset, table_name, source_month, state, mode, started_at, finished_at, lines, loaded, present,
    quarantined, id_checksum, source_url, source_bytes, source_sha256, source_etag, identity, contract, engine_version,
    error, receipt
)
VALUES (
    %(load_id)s, %(dataset)s, %(table_name)s, %(source_month)s, %(state)s, %(mode)s, %(started_at)s, %(finished_at)s,
    %(lines)s, %(loaded)s, %(present)s, %(quarantined)s, %(id_checksum)s, %(source_url)s, %(source_bytes)s,
    %(source_sha256)s, %(source_etag)s, %(identity)s, %(contract)s, %(engine_version)s, %(error)s, %(receipt)s
)
ON CONFLICT (load_id) DO UPDATE SET
    state = excluded.state,
    finished_at = excluded.finished_at,
    lines = excluded.lines,
    loaded = excluded.loaded,
    present = excluded.present,
    quarantined = excluded.quarantined,
    id_checksum = excluded.id_checksum,
    source_bytes = excluded.source_bytes,
    source_sha256 = excluded.source_sha256,
    source_etag = excluded.source_etag,
    error = excluded.error,
    receipt = excluded.receipt
-- what was stopped after its publication stays loaded
WHERE known.state = 'loading' OR excluded.state <> 'failed'
