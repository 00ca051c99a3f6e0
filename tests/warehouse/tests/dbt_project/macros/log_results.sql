{% macro log_results(results) %}
{% if execute and results %}
insert into {{ target.database }}.{{ target.schema }}.run_log values
{% for r in results %}('{{ invocation_id }}', '{{ r.node.name }}', '{{ r.status }}', current_timestamp()){{ "," if not loop.last }}
{% endfor %}
{% endif %}
{% endmacro %}
