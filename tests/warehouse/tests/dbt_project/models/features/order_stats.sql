{{ config(liquid_clustered_by=['customer_id', 'feature_timestamp'], databricks_tags={'team': 'growth'}) }}
select
    customer_id,
    created_at as feature_timestamp,
    sum(amount) over (partition by customer_id order by unix_micros(created_at) range between 604800000000 preceding and current row) as amount_sum_7d,
    count(*) over (partition by customer_id order by created_at) as order_count
from {{ ref('stg_orders') }}
