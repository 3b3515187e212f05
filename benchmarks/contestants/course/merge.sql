MERGE INTO yellow_tripdata AS t
USING staging AS s ON t.unique_row_id = s.unique_row_id
WHEN NOT MATCHED THEN
    INSERT (
        unique_row_id, filename, vendorid, tpep_pickup_datetime, tpep_dropoff_datetime, passenger_count,
        trip_distance, ratecodeid, store_and_fwd_flag, pulocationid, dolocationid, payment_type, fare_amount,
        extra, mta_tax, tip_amount, tolls_amount, improvement_surcharge, total_amount, congestion_surcharge
    )
    VALUES (
        s.unique_row_id, s.filename, s.vendorid, s.tpep_pickup_datetime, s.tpep_dropoff_datetime, s.passenger_count,
        s.trip_distance, s.ratecodeid, s.store_and_fwd_flag, s.pulocationid, s.dolocationid, s.payment_type,
        s.fare_amount, s.extra, s.mta_tax, s.tip_amount, s.tolls_amount, s.improvement_surcharge, s.total_amount,
        s.congestion_surcharge
    )
