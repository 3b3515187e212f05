MERGE {main} AS T
USING {work} AS S
ON T.source_month = DATE '{day}' AND T.unique_row_id = S.unique_row_id
WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({columns})
