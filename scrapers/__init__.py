"""How a source is read: the only network, one parser per source, the sample site.

Belongs here: fetching bytes and turning bytes into records. Not here: storing either (warehouse),
comparing records (pipelines.changes), anything of Dagster.
"""
