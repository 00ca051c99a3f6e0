-- depends_on: {{ ref('raw_orders') }}
select /*+ repartition(1) */ order_id, customer_id, amount, created_at from {{ source('raw', 'raw_orders') }}
