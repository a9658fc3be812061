"""Where it is kept: the writer's DuckDB file, the evidence store, the published copy.

Belongs here: SQL and files. Not here: fetching or parsing (scrapers), deciding what a difference
means (pipelines.changes), anything of Dagster.
"""
