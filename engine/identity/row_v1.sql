-- The unique_row_id of every row, computed anew from its values: identity row-v1, PostgreSQL 14 to 18.
-- Which of several identical rows counts as the first is not defined: compare ids as a multiset.
WITH hashed AS (
    SELECT r."source_month", {digest}.digest
    FROM {table} AS r
    CROSS JOIN LATERAL (SELECT decode(md5('row1'::bytea
        {nulls}
        {values}), 'hex') AS digest) AS step0{steps}
),
counted AS (
    SELECT "source_month", digest,
           row_number() OVER (PARTITION BY "source_month", digest) - 1 AS occurrence
    FROM hashed
)
SELECT "source_month",
       CASE WHEN occurrence = 0 THEN encode(digest, 'hex')::uuid
            ELSE md5('dup1'::bytea || digest || int8send(occurrence))::uuid
       END AS "unique_row_id"
FROM counted
