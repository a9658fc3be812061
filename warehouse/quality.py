"""Data quality: what is odd in what the publisher published, each rule as the SQL that finds it.

Belongs here: rules over versions, items, duties and links, to see and to cite. Not here: what keeps a record out
(schemas.rules), nor whether our own house is in order (warehouse.checks).
"""

from dataclasses import dataclass
from typing import Final

from schemas.record import APPROVED, RETIRED
from schemas.rules import RULES
from warehouse.ddl import quoted, utc


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRule:
    """An oddity and the SELECT of `reference, version, subject, detail` that finds it.

    It reads `v` (versions), `k` (their KSBs), `d` (duties) and `m` (links), now or as they were at a moment.
    """

    code: str
    sentence: str
    sql: str


_ORDER: Final = "PARTITION BY reference ORDER BY [CAST(part AS INTEGER) FOR part IN string_split(version, '.')]"
_NEIGHBOURS: Final = f"""
    FROM (SELECT reference, version, status, earliest_start_on, latest_start_on,
              lead(version) OVER ({_ORDER}) AS next_version, lead(earliest_start_on) OVER ({_ORDER}) AS next_start_on
          FROM v WHERE status IN ({quoted(APPROVED)}, {quoted(RETIRED)}))"""
# Few texts stand twice: those are found first, and only they are grouped by their options.
_TWINS: Final = """
    FROM {items} SEMI JOIN (SELECT reference, version, {kind}text FROM {items} GROUP BY ALL HAVING count(*) > 1)
    USING (reference, version, {kind}text) GROUP BY reference, version, {kind}text, list_sort(options) HAVING count(*) > 1"""
# A placeholder has at most two letters or figures.
_WORDLESS: Final = """(length(text) < 9 AND length(regexp_replace(text, '[^\\pL\\pN]', '', 'g')) < 3
    OR NOT regexp_matches(text, '[\\pL\\pN]'))"""

QUALITY_RULES: Final = (
    QualityRule(
        code="Q-KSB-UNMAPPED",
        sentence="A KSB that no duty needs, in a version whose duties name KSBs.",
        sql="""SELECT reference, version, code AS subject, text AS detail FROM k
            ANTI JOIN m USING (reference, version, code) SEMI JOIN m USING (reference, version)""",
    ),
    QualityRule(
        code="Q-DUTY-UNMAPPED",
        sentence="A duty that needs no KSB.",
        sql="""SELECT reference, version, 'Duty ' || duty_number AS subject, text AS detail FROM d
            ANTI JOIN m USING (reference, version, duty_number)""",
    ),
    QualityRule(
        code="Q-NO-MAPPING",
        sentence="A version with KSBs and duties, and no link between them.",
        sql="""SELECT reference, version, NULL AS subject, NULL AS detail FROM v
            SEMI JOIN k USING (reference, version) SEMI JOIN d USING (reference, version) ANTI JOIN m USING (reference, version)""",
    ),
    QualityRule(
        code="Q-NO-DUTIES",
        sentence="A version with KSBs and without duties, as the older templates have it.",
        sql="""SELECT reference, version, NULL AS subject, NULL AS detail FROM v
            SEMI JOIN k USING (reference, version) ANTI JOIN d USING (reference, version)""",
    ),
    QualityRule(
        code="Q-NO-KSBS",
        sentence="A version that is or was in force, with neither KSBs nor the prose of the oldest template.",
        sql=f"""SELECT reference, version, NULL AS subject, NULL AS detail FROM v ANTI JOIN k USING (reference, version)
            WHERE status IN ({quoted(APPROVED)}, {quoted(RETIRED)}) AND coalesce(standard_information, '') = ''""",
    ),
    QualityRule(
        code="Q-KSB-TWICE",
        sentence="Two KSBs of one kind with the same words, for the same options.",
        sql=f"""SELECT reference, version, string_agg(code, ', ' ORDER BY position) AS subject, text AS detail
            {_TWINS.format(items="k", kind="kind, ")}""",
    ),
    QualityRule(
        code="Q-DUTY-TWICE",
        sentence="Two duties with the same words, for the same options.",
        sql=f"""SELECT reference, version, string_agg('Duty ' || duty_number, ', ' ORDER BY duty_number) AS subject, text AS detail
            {_TWINS.format(items="d", kind="")}""",
    ),
    QualityRule(
        code="Q-NO-WORDS",
        sentence="A duty or KSB that is no more than a placeholder.",
        sql=f"""SELECT reference, version, code AS subject, text AS detail FROM k WHERE {_WORDLESS}
            UNION ALL SELECT reference, version, 'Duty ' || duty_number, text FROM d WHERE {_WORDLESS}""",
    ),
    QualityRule(
        code="Q-OPTIONS-MISSING",
        sentence="A version said to have a core and options, with duties or KSBs that all belong to none.",
        sql="""SELECT reference, version, NULL AS subject, NULL AS detail FROM v
            SEMI JOIN k USING (reference, version)
            ANTI JOIN (SELECT reference, version FROM k WHERE len(options) > 0
                       UNION ALL SELECT reference, version FROM d WHERE len(options) > 0) USING (reference, version)
            WHERE is_core_and_options""",
    ),
    QualityRule(
        code="Q-DATES-ORDER",
        sentence="The last day for starts is before the first.",
        sql="""SELECT reference, version, 'latest_start_on' AS subject, earliest_start_on || ' to ' || latest_start_on AS detail FROM v
            WHERE latest_start_on < earliest_start_on""",
    ),
    QualityRule(
        code="Q-DATES-OVERLAP",
        sentence="Two versions of a standard take starts on the same day.",
        sql=f"""SELECT reference, version, 'latest_start_on' AS subject,
                'until ' || latest_start_on || ', and ' || next_version || ' from ' || next_start_on AS detail {_NEIGHBOURS}
            WHERE latest_start_on >= next_start_on AND latest_start_on >= earliest_start_on""",
    ),
    QualityRule(
        code="Q-DATES-GAP",
        sentence="Days between two versions of a standard on which neither takes starts.",
        sql=f"""SELECT reference, version, 'latest_start_on' AS subject,
                'until ' || latest_start_on || ', and ' || next_version || ' from ' || next_start_on AS detail {_NEIGHBOURS}
            WHERE latest_start_on + 1 < next_start_on""",
    ),
    QualityRule(
        code="Q-TWO-IN-FORCE",
        sentence="Two versions of a standard are approved for delivery at once.",
        sql=f"""SELECT reference, version, NULL AS subject, versions AS detail FROM v
            JOIN (SELECT reference, string_agg(version, ', ' ORDER BY version) AS versions FROM v WHERE status = {quoted(APPROVED)}
                  GROUP BY reference HAVING count(*) > 1) USING (reference) WHERE status = {quoted(APPROVED)}""",
    ),
    QualityRule(
        code="Q-NO-LARS-CODE",
        sentence="A version approved for delivery without a LARS code.",
        sql=f"""SELECT reference, version, 'lars_code' AS subject, NULL AS detail FROM v
            WHERE status = {quoted(APPROVED)} AND lars_code IS NULL AND source = 'api'""",
    ),
    QualityRule(
        code="Q-NO-FUNDING",
        sentence="A version approved for delivery without a maximum of funding.",
        sql=f"""SELECT reference, version, 'max_funding_gbp' AS subject, NULL AS detail FROM v
            WHERE status = {quoted(APPROVED)} AND max_funding_gbp IS NULL AND source = 'api'""",
    ),
    QualityRule(
        code="Q-STARTS-OVER",
        sentence="A version approved for delivery whose last day for starts has passed.",
        sql=f"""SELECT reference, version, 'latest_start_on' AS subject, CAST(latest_start_on AS VARCHAR) AS detail FROM v
            WHERE status = {quoted(APPROVED)} AND latest_start_on < CAST(known_at AS DATE)""",
    ),
)
_SENTENCES: Final = {rule.code: rule.sentence for rule in QUALITY_RULES} | {
    code: rule.sentence for code, rule in RULES.items() if rule.outcome == "warn" and not rule.is_known_oddity
}
# Each is read once, however many rules ask; prose that no rule reads is left out.
_READ: Final = """reference, version, title, status, source, snapshot_id, standard_information, is_core_and_options, lars_code, max_funding_gbp,
    earliest_start_on, latest_start_on"""


def findings_now(code: str) -> str:
    """The SELECT of one rule's findings in the versions now published."""
    (rule,) = [rule for rule in QUALITY_RULES if rule.code == code]
    return f"WITH v AS (SELECT *, last_checked_at AS known_at FROM current_versions) {rule.sql}"


def quality_findings(moment: str | None) -> str:
    """The SELECT of every finding in what is published now, or at a moment (a parameter of a macro).

    What the parsers met is kept for the newest state of a version alone; the oddities they know by sight are found here in any state.
    """
    of = "current_{}" if moment is None else f"{{}}_as_of({moment})"
    known_at = "s.last_checked_at" if moment is None else utc(moment)
    rules = [f"SELECT {quoted(rule.code)} AS rule, * FROM ({rule.sql})" for rule in QUALITY_RULES]
    rules.append(
        "SELECT f.rule, v.reference, v.version, NULL AS subject, f.message AS detail FROM v JOIN internal.findings f USING (snapshot_id)"
    )
    sentences = ", ".join(f"({quoted(code)}, {quoted(sentence)})" for code, sentence in _SENTENCES.items())
    return f"""
        WITH v AS MATERIALIZED (SELECT {_READ}, {known_at} AS known_at FROM {of.format("versions")} s),
            k AS MATERIALIZED (FROM {of.format("ksbs")}), d AS MATERIALIZED (FROM {of.format("duties")}),
            m AS MATERIALIZED (FROM {of.format("duty_ksbs")}),
            sentences(rule, sentence) AS (VALUES {sentences}),
            found AS ({" UNION ALL BY NAME ".join(rules)})
        SELECT v.reference, v.version, v.title, v.status, found.rule, sentences.sentence, found.subject, found.detail, v.source, s.seen_from_at
        FROM found JOIN v USING (reference, version) JOIN sentences USING (rule) JOIN internal.snapshots s USING (snapshot_id)"""
