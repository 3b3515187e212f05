-- Identical rows have one digest; all but one of them get an occurrence number (docs/row-identity.md). They are
-- identical, so it does not matter which one gets which.
WITH repeated AS (
    SELECT {id} FROM {work} GROUP BY {id} HAVING count(*) > 1
),
numbered AS (
    SELECT w.ctid AS place, w.{id} AS digest, row_number() OVER (PARTITION BY w.{id}) - 1 AS occurrence
    FROM {work} AS w
    JOIN repeated USING ({id})
)
UPDATE {work} AS w
SET {id} = md5('dup1'::bytea || uuid_send(n.digest) || int8send(n.occurrence))::uuid
FROM numbered AS n
WHERE w.ctid = n.place AND n.occurrence > 0
