select customer_id, max_by(order_count, feature_timestamp) as order_count, max(feature_timestamp) as feature_timestamp from {{ ref('order_stats_inc') }} group by customer_id
