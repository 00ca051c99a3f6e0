{{ config(materialized='incremental', incremental_strategy='merge', unique_key=['customer_id', 'feature_timestamp'], liquid_clustered_by=['customer_id', 'feature_timestamp'], on_schema_change='append_new_columns', databricks_tags={'team': 'growth'}) }}
select customer_id, feature_timestamp, amount_sum_7d, order_count from {{ ref('order_stats') }}
{% if is_incremental() %}
where feature_timestamp >= (select max(feature_timestamp) from {{ this }})
{% endif %}
