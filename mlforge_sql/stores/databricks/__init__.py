"""Feature tables in Unity Catalog, read through a SQL warehouse."""
