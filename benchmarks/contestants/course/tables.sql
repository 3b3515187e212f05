-- Staging and final table as the course flow has them, money as numeric instead of double precision.
CREATE TABLE staging (
    unique_row_id text,
    filename text,
    vendorid text,
    tpep_pickup_datetime timestamp,
    tpep_dropoff_datetime timestamp,
    passenger_count integer,
    trip_distance double precision,
    ratecodeid text,
    store_and_fwd_flag text,
    pulocationid text,
    dolocationid text,
    payment_type integer,
    fare_amount numeric(10, 2),
    extra numeric(10, 2),
    mta_tax numeric(10, 2),
    tip_amount numeric(10, 2),
    tolls_amount numeric(10, 2),
    improvement_surcharge numeric(10, 2),
    total_amount numeric(10, 2),
    congestion_surcharge numeric(10, 2)
);
CREATE TABLE yellow_tripdata (LIKE staging);
