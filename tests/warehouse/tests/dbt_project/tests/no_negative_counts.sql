select * from {{ ref('order_stats') }} where order_count < 0
