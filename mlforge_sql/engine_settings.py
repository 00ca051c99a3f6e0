"""Settings of the engines: what the meaning of the SQL rests on, and what may be chosen freely.

Whatever opens an engine, be it dbt, Python or the compiler, sets the same pins; the compiled project
checks them when a run starts.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlforge_sql.errors import written

UTC = ("utc", "etc/utc", "gmt", "etc/gmt", "z", "zulu", "etc/zulu", "universal", "etc/universal")
"""Names of the time zone without an offset, in lower case."""

_TRUE = ("true", "1", "t", "yes", "on")
_FALSE = ("false", "0", "f", "no", "off")


@dataclass(frozen=True, slots=True)
class Pin:
    """A setting of DuckDB that values depend on.

    Attributes:
        name: The setting.
        value: What it is.
        same: Other ways to write that value, in lower case.
        set: Whether sessions set it. DuckDB 1.5 does not know the others, or a later one will not:
            they may not be set to anything else, and are looked at where they exist.
    """

    name: str
    value: str
    same: tuple[str, ...] = ()
    set: bool = True

    @property
    def accepted(self) -> tuple[str, ...]:
        """Every way to write the value, in lower case."""
        return tuple(dict.fromkeys((self.value.lower(), *self.same)))


PINS = (
    Pin("TimeZone", "UTC", UTC),
    Pin("Calendar", "gregorian"),
    Pin("default_collation", "", ("binary",)),
    Pin("default_null_order", "NULLS_LAST", ("nulls last", "last", "null last", "null_last")),
    Pin("default_order", "ASC", ("ascending",)),
    Pin("integer_division", "false", _FALSE),
    Pin("ieee_floating_point_ops", "true", _TRUE),
    Pin("order_by_non_integer_literal", "false", _FALSE),
    Pin("preserve_insertion_order", "true", _TRUE),
    Pin("binary_as_string", "false", _FALSE),
    Pin("error_on_division_by_zero", "true", _TRUE, set=False),
    Pin("scalar_subquery_error_on_multiple_rows", "true", _TRUE, set=False),
    Pin("old_implicit_casting", "false", _FALSE, set=False),
    Pin("disable_timestamptz_casts", "false", _FALSE, set=False),
    Pin("legacy_disable_null_type", "false", _FALSE, set=False),
    Pin("regex_match_operator_semantics", "partial", set=False),
    Pin("dialect_compatibility_mode", "NONE", ("",), set=False),
    Pin("preserve_identifier_case", "preserve_case", _TRUE, set=False),
    Pin("table_function_identifier_conversion", "DEFAULT", set=False),
)
"""The settings of DuckDB that values, rows or their order depend on."""

ALIASES = {
    "memory_limit": "max_memory",
    "null_order": "default_null_order",
    "profile_output": "profiling_output",
    "streaming_buffer_size": "max_streaming_buffer_size",
    "wal_autocheckpoint": "checkpoint_threshold",
    "worker_threads": "threads",
}
"""Second names of DuckDB's settings."""

_MEMORY = """
    allocator_background_threads allocator_bulk_deallocation_flush_threshold allocator_flush_threshold
    block_allocator_memory buffer_manager_track_eviction_timestamps max_memory max_streaming_buffer_size
    max_temp_directory_size operator_memory_limit temp_directory temp_file_encryption
    write_buffer_row_group_count write_buffer_row_group_memory_limit
"""
_SPEED = """
    approximate_join_order_threshold asof_loop_join_threshold async_threads cache_local_files delim_join_as_cte
    disable_parquet_prefetching disabled_optimizers dynamic_or_filter_threshold enable_external_file_cache
    enable_fsst_vectors enable_optimizer enable_optimistic_write external_file_cache_local_max_block_size
    external_file_cache_remote_max_block_size external_file_cache_remote_min_block_size
    external_file_cache_request_sizing external_file_cache_spill external_threads index_scan_max_count
    index_scan_percentage late_materialization_max_rows max_execution_time max_expression_depth max_vacuum_tasks
    merge_join_threshold nested_loop_join_threshold ordered_aggregate_threshold parquet_prefetch_column_gap
    partitioned_write_flush_threshold partitioned_write_max_open_files perfect_ht_threshold pin_threads
    pivot_filter_threshold pivot_limit prefer_range_joins prefetch_all_parquet_files read_ahead_depth
    scheduler_process_partial storage_block_prefetch threads
"""
_STORAGE = """
    auto_checkpoint_skip_wal_threshold checkpoint_on_detach checkpoint_threshold default_block_size
    disabled_compression_methods experimental_metadata_reuse force_column_metadata_reuse force_compression
    initial_column_segment_size storage_compatibility_version wal_autocheckpoint_entries
    zstd_min_string_length
"""
_TALK = """
    catalog_error_max_schemas custom_profiling_settings custom_user_agent disabled_log_types enable_logging
    enable_profiling enable_progress_bar enable_progress_bar_print enabled_log_types errors_as_json
    explain_output log_query_path logging_level logging_mode logging_storage profiling_coverage
    profiling_mode profiling_output profiling_renderer_settings progress_bar_time redact_http_logs
    tracked_metrics
"""
_ACCESS = """
    allow_community_extensions allow_extension_repositories allow_persistent_secrets allow_unsigned_extensions
    autoinstall_extension_repository autoinstall_known_extensions autoload_known_extensions
    azure_account_name azure_credential_chain azure_endpoint azure_http_proxy azure_proxy_password
    azure_proxy_user_name azure_read_buffer_size azure_read_transfer_chunk_size
    azure_read_transfer_concurrency azure_storage_connection_string azure_transport_option_type ca_cert_file
    custom_extension_repository default_secret_storage enable_server_cert_verification extension_directories
    extension_directory extension_repository_directory hf_max_per_page http_client_pool_capacity
    http_keep_alive http_proxy http_proxy_password http_proxy_username http_retries http_retry_backoff
    http_retry_wait_ms http_timeout httpfs_client_implementation s3_access_key_id s3_endpoint
    s3_kms_key_id s3_region s3_requester_pays s3_secret_access_key s3_session_token
    s3_uploader_max_filesize s3_uploader_max_parts_per_file s3_uploader_thread_limit
    s3_url_compatibility_mode s3_url_style s3_use_ssl secret_directory
"""

HARMLESS = frozenset(f"{_MEMORY} {_SPEED} {_STORAGE} {_TALK} {_ACCESS}".split())
"""Settings of DuckDB that say how it works, or how it reaches files, and never what comes out."""


def required_settings() -> dict[str, str]:
    """The settings that every session on DuckDB begins with, over those of a profile."""
    return {pin.name: pin.value for pin in PINS if pin.set}


def set_statements(settings: Mapping[str, object]) -> Iterator[str]:
    """The statements that set some settings of DuckDB.

    Examples:
        >>> [*set_statements({"threads": 4})]
        ["set threads = '4'"]
    """
    for name, value in settings.items():
        text = str(value).replace("'", "''")
        yield f"set {name} = '{text}'"


def pinned_names() -> Mapping[str, Pin]:
    """The pins by name, in lower case, second names included."""
    pins = {pin.name.lower(): pin for pin in PINS}
    return pins | {alias: pins[name] for alias, name in ALIASES.items() if name in pins}


def free_settings(settings: Mapping[str, str | int | float | bool]) -> dict[str, object]:
    """The settings of a profile but for those that every session begins with anyway."""
    pins = {name for name, pin in pinned_names().items() if pin.set}
    return {name: value for name, value in settings.items() if name.lower() not in pins}


def setting_problems(
    settings: Mapping[str, str | int | float | bool],
) -> Iterator[tuple[str, str, str]]:
    """The settings of a profile that are refused: name, what is wrong, the next step.

    Examples:
        >>> [*setting_problems({"memory_limit": "4GB", "Null_Order": "nulls last"})]
        []
        >>> [(name, message, hint)] = setting_problems({"thread": 4})
        >>> print(message, hint, sep="; ")
        `thread` is not among the DuckDB settings that cannot change values; did you mean `threads`?
    """
    pins = pinned_names()
    first: dict[str, str] = {}
    for name, value in settings.items():
        low = name.lower()
        same = first.setdefault(ALIASES.get(low, low), name)
        if same != name:
            yield name, f"`{name}` and `{same}` are one DuckDB setting", "keep one of them"
        elif low in pins:
            pin = pins[low]
            if _text(value) not in pin.accepted:
                message = f"the DuckDB setting `{name}` is pinned, because values depend on it: "
                message += f"it is {_shown(pin.value)}, not {_shown(written(value))}"
                yield name, message, "remove it"
        elif ALIASES.get(low, low) not in HARMLESS:
            known = sorted((HARMLESS | set(ALIASES)) - pins.keys())
            message = f"`{name}` is not among the DuckDB settings that cannot change values"
            near = difflib.get_close_matches(low, known, n=1, cutoff=0.8)
            yield name, message, f"did you mean `{near[0]}`?" if near else _REMOVE


_REMOVE = (
    "remove it; what says how much memory, how many threads, which folders and which logs may be "
    "chosen, such as `memory_limit`, `threads` and `temp_directory`"
)


def _text(value: str | float | bool) -> str:
    return str(value).strip().lower()


def _shown(value: str) -> str:
    return f"`{value}`" if value else "empty"


@dataclass(frozen=True, slots=True)
class Symptom:
    """A setting of Spark that values depend on, and an expression that tells what it is.

    The expression is read rather than the setting: SQL warehouses do not show all of them.

    Attributes:
        name: The setting, as Databricks calls it.
        expression: SQL whose text tells.
        wanted: The texts that are right, in lower case; empty when all but ``wrong`` are.
        wrong: The text of a session that is set otherwise.
        value: What the setting has to be.
    """

    name: str
    expression: str
    value: str
    wrong: str = ""
    wanted: tuple[str, ...] = ()

    def is_wrong(self, text: str) -> bool:
        """Whether the text of the expression says that the setting is another."""
        low = text.lower()
        return low not in self.wanted if self.wanted else low == self.wrong


SESSION = {"timezone": "UTC", "ansi_mode": "true", "legacy_time_parser_policy": "CORRECTED"}
"""What every session on Databricks begins with: of the settings that values depend on, those that a SQL
warehouse lets a session choose. https://docs.databricks.com/sql/language-manual/sql-ref-parameters"""

SYMPTOMS = (
    Symptom("timezone", "current_timezone()", "UTC", wanted=UTC),
    Symptom("ansi_mode", "typeof(coalesce(1, '1'))", "true", "string"),
    Symptom(
        "legacy_time_parser_policy",
        "date_format(timestamp '2024-01-01 00:00:00.123456', 'S')",
        "CORRECTED",
        "123",
    ),
    Symptom(
        "spark.sql.caseSensitive",
        "(select count(*) from (select 1 as X) as mlforge_outer "
        "where exists (select 1 from (select 2 as x) as mlforge_inner where X = 2))",
        "false",
        "0",
    ),
    Symptom("default collation", "'a' = 'A'", "UTF8_BINARY", "true"),
    Symptom(
        "spark.sql.timestampType",
        "typeof(timestamp '2024-01-01 00:00:00')",
        "TIMESTAMP_LTZ",
        "timestamp_ntz",
    ),
    Symptom(
        "spark.sql.decimalOperations.allowPrecisionLoss",
        "typeof(cast(1 as decimal(38, 18)) * cast(1 as decimal(38, 18)))",
        "true",
        "decimal(38,36)",
    ),
    Symptom("spark.sql.parser.escapedStringLiterals", r"length('\\')", "false", "2"),
)
"""The settings of Spark that values, rows or types depend on."""


def symptoms_query() -> str:
    """A query with one row: the text of each symptom."""
    return "select " + ", ".join(f"cast({item.expression} as string)" for item in SYMPTOMS)
