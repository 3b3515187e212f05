INSERT INTO {partition} ({columns})
SELECT {columns}
FROM {work} AS w
WHERE NOT EXISTS (SELECT FROM {partition} AS p WHERE p.{id} = w.{id})
