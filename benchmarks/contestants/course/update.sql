-- The flow's id: seven columns as texts, put together without separators.
UPDATE staging SET
    unique_row_id = md5(
        coalesce(vendorid, '')
        || coalesce(tpep_pickup_datetime::text, '')
        || coalesce(tpep_dropoff_datetime::text, '')
        || coalesce(pulocationid, '')
        || coalesce(dolocationid, '')
        || coalesce(fare_amount::text, '')
        || coalesce(trip_distance::text, '')
    ),
    filename = %(filename)s
