"""The Dagster-aware folder, with pipelines/definitions.py: one module per Dagster concept.

Belongs here: assets, checks, the job and its schedule, resources. Not here: what the steps do.
"""
