CREATE TABLE IF NOT EXISTS {rejects} (
    load_id uuid NOT NULL,
    table_name text NOT NULL,
    source_month date NOT NULL,
    filename text NOT NULL,
    line bigint NOT NULL,
    column_name text,
    reason text NOT NULL,
    raw text NOT NULL
)
