"""Compare two records: align, compare, weigh, put into words. Pure functions of values.

Belongs here: what changed and what it means. Not here: where records come from (pipelines.comparison)
or who is told (pipelines.alerts).
"""
