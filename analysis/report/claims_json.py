"""claims.json: every claim with its verdicts and the ids of the records that they rest on, for programs; and its JSON
Schema, which a test holds it to."""

import json
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from analysis.claims.ledger import Decided
from analysis.claims.sources import Verdict


class VerdictEntry(msgspec.Struct, forbid_unknown_fields=True):
    """What a rule says of our records in one setting, or of the paper's own figures."""

    outcome: Annotated[
        Literal["holds here", "does not hold here", "open", "premise absent", "not run", "true", "slip"],
        Meta(description="'here': of this setting alone, not of the paper's scale. true, slip: of algebra and code"),
    ]
    words: Annotated[str, Meta(description="the numbers, with 95 % intervals in brackets")]
    why: Annotated[Literal["", "noise", "selection", "grid", "between"], Meta(description="of what is open")]
    scale: Annotated[str, Meta(description="profile, data set and seeds of the records")]
    records: Annotated[list[str], Meta(description="ids of the records that it rests on")]
    stem: Annotated[str, Meta(description="of the files in figures/ that show these")]


class NeededEntry(msgspec.Struct, forbid_unknown_fields=True):
    """What would decide a claim."""

    words: str
    seeds: Annotated[int | None, Meta(description="of all its cells, in place of those that there are")]
    hours: Annotated[float | None, Meta(description="of training, for the additional cells")]
    unit: Annotated[Literal["", "core", "GPU"], Meta(description="of the hours")]


class ClaimEntry(msgspec.Struct, forbid_unknown_fields=True):
    """A claim."""

    claim: Annotated[str, Meta(description="its number, as 5b")]
    table: Literal["facts", "the paper's experiments", "other texts"]
    text: str
    source: Annotated[str, Meta(description="who says it, and where")]
    rule: Annotated[str, Meta(description="what decides")]
    experiment: Annotated[str, Meta(description="whose records decide")]
    rule_set_after: Annotated[list[str], Meta(description="settings whose numbers had been seen when the rule was set")]
    verdicts: Annotated[dict[str, VerdictEntry], Meta(description="by setting: clean, noisy, GPU; of a fact one")]
    paper: Annotated[VerdictEntry | None, Meta(description="by the same rule, of the paper's own figures")]
    to_decide: Annotated[NeededEntry | None, Meta(description="on clean labels; null where it is decided")]


def schema() -> str:
    """The JSON Schema of claims.json."""
    return _text(msgspec.json.schema(list[ClaimEntry]))


def claims(decided: Sequence[Decided]) -> str:
    """The file's content."""
    entries = [
        ClaimEntry(
            claim=each.claim.name, table=each.claim.table, text=each.claim.text,  # type: ignore[arg-type]
            source=each.claim.source, rule=each.claim.rule, experiment=each.claim.experiment,
            rule_set_after=[name for name in each.verdicts if each.claim.is_after(name)],
            verdicts={name: _entry(verdict) for name, verdict in each.verdicts.items()},
            paper=_entry(each.paper) if each.paper else None,
            to_decide=NeededEntry(**vars(each.needed)) if each.needed else None,
        )
        for each in decided
    ]  # fmt: skip
    return _text(msgspec.to_builtins(entries))


def _entry(verdict: Verdict) -> VerdictEntry:
    return VerdictEntry(**{name: value for name, value in vars(verdict).items() if name != "power"})


def _text(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
