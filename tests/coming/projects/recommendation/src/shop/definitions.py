from __future__ import annotations

import mlforge_sql as mlf
from shop import item_features, visitor_features

defs = mlf.Definitions("Recommendation", features=[visitor_features, item_features])
