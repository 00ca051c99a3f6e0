"""What tiles hold of their events."""

from __future__ import annotations

from enum import StrEnum


class MeasureKind(StrEnum):
    """What a tile holds of its events: each can be aggregated again over many tiles."""

    ROWS = "rows"
    COUNT = "count"
    SUM = "sum"
    WEIGHTED = "weighted"
    WEIGHTS = "weights"
    MIN = "min"
    MAX = "max"
    CENTER = "center"
    FROM_CENTER = "from_center"
    DEVIATIONS = "deviations"
    UNITS = "units"
    SQUARES = "squares"
    HIGHS = "highs"
    LOWS = "lows"
    TOPS = "tops"
    MIDDLES = "middles"
    BOTTOMS = "bottoms"
    TOP_TOPS = "top_tops"
    TOP_MIDDLES = "top_middles"
    TOP_BOTTOMS = "top_bottoms"
    MIDDLE_MIDDLES = "middle_middles"
    MIDDLE_BOTTOMS = "middle_bottoms"
    BOTTOM_BOTTOMS = "bottom_bottoms"
