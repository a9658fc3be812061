"""Asset checks: one per table from its model, one per rule between records, named as sentences.

Belongs here: showing a check's outcome in Dagster. Not here: the rules (schemas.tables,
warehouse.checks).
"""

from collections.abc import Iterator
from typing import Final

import dagster as dg
import pandera.errors

from pipelines.defs.assets import markdown_table
from pipelines.defs.resources import WatchResource
from schemas.tables import (
    ALERTS,
    CAPTURES,
    CHANGES,
    DELIVERIES,
    EVIDENCE,
    LISTINGS,
    RUNS,
    SOURCE_COMPARISONS,
    SOURCE_CONFLICTS,
    TABLES,
    Table,
)
from warehouse.checks import CHECKS, failing_rows, whole_table

_SEVERITY: Final = {"error": dg.AssetCheckSeverity.ERROR, "warn": dg.AssetCheckSeverity.WARN}
# Where each table is filled; all the others are filled by the snapshots.
_FILLED_BY: Final = {
    RUNS: "published_warehouse",
    CAPTURES: "api_capture",
    EVIDENCE: "api_capture",
    LISTINGS: "api_capture",
    CHANGES: "standard_changes",
    SOURCE_CONFLICTS: "source_conflicts",
    SOURCE_COMPARISONS: "source_conflicts",
    ALERTS: "standard_changes",
    DELIVERIES: "alert_deliveries",
}


def _schema_check(table: Table) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        f"{table.name}_rows_fit_their_model",
        asset=_FILLED_BY.get(table, "standard_snapshots"),
        description=f"{table.description} Every value fits the Pandera model {table.model.__name__}.",
        additional_deps=["published_warehouse"] if _FILLED_BY.get(table) != "published_warehouse" else None,
    )


SCHEMA_CHECKS: Final = {table: _schema_check(table) for table in TABLES}
RULE_CHECKS: Final = {
    check: dg.AssetCheckSpec(check.name, asset=check.asset, description=check.description, additional_deps=["published_warehouse"])
    for check in CHECKS
}


@dg.multi_asset_check(name="schema_checks", description="Every table against its model.", specs=list(SCHEMA_CHECKS.values()))
def schema_checks(watch: WatchResource) -> Iterator[dg.AssetCheckResult]:
    """One result per table."""
    with watch.open_warehouse() as db:
        for table, spec in SCHEMA_CHECKS.items():
            frame = whole_table(db, table)
            failures = []
            try:
                table.validate(frame)
            except pandera.errors.SchemaErrors as errors:
                failures = list(errors.failure_cases.iter_rows(named=True))
            yield dg.AssetCheckResult(
                passed=not failures,
                check_name=spec.name,
                asset_key=spec.asset_key,
                severity=dg.AssetCheckSeverity.ERROR,
                metadata={
                    "rows": len(frame),
                    "failing": len(failures),
                    "failing_values": dg.MetadataValue.md(markdown_table(failures, ("column", "check", "failure_case", "index"))),
                },
            )


@dg.multi_asset_check(name="rule_checks", description="Every rule between records.", specs=list(RULE_CHECKS.values()))
def rule_checks(context: dg.AssetCheckExecutionContext, watch: WatchResource) -> Iterator[dg.AssetCheckResult]:
    """One result per rule, with the rows that break it."""
    with watch.open_warehouse() as db:
        for check, spec in RULE_CHECKS.items():
            rows = failing_rows(db, check, context.run.run_id)
            yield dg.AssetCheckResult(
                passed=not rows,
                check_name=spec.name,
                asset_key=spec.asset_key,
                severity=_SEVERITY[check.severity],
                metadata={
                    "failing": len(rows),
                    "failing_rows": dg.MetadataValue.md(markdown_table(rows, tuple(rows[0])) if rows else "none"),
                },
            )
