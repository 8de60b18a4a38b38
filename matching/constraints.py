"""Hard exclusions with their reasons, then soft preferences."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from matching.aggregation import PassageScores
from matching.arrays import Rowset
from matching.columns import Ragged, string
from matching.fusion import PreferenceValues
from matching.index import MatchIndex
from matching.segments import GRADES, FactTable, Mask, Segment, fact_table, name_key
from matching.types import Constraints, Facts, Preferences

CODE_LENGTH = 6


REASONS = ("", "excluded", "organization_conflict", "kind", "region", "absent", "no_capacity")


def reasons(index: MatchIndex, constraints: Constraints) -> NDArray[np.int8]:
    """Return for every row the place in `REASONS` of the first constraint it breaks, 0 for none."""
    parts = [segment_reasons(segment.candidates.facts, constraints) for segment in index.segments]
    found = np.concatenate([np.zeros(0, dtype=np.int8), *parts])
    for candidate_id, reason in _by_name(constraints).items():
        row = index.row_of(candidate_id)
        if row is not None:
            found[row] = REASONS.index(reason)
    return found


def reason_against(candidate_id: str, facts: Facts, constraints: Constraints) -> str:
    """Return the constraint that one candidate breaks, by the same rule; empty for none.

    >>> reason_against("李", Facts(organizations=frozenset({"甲"})),
    ...                Constraints(organizations=frozenset({"甲"})))
    'organization_conflict'
    """
    by_facts = REASONS[int(segment_reasons(fact_table([facts]), constraints)[0])]
    return _by_name(constraints).get(candidate_id, by_facts)


def _by_name(constraints: Constraints) -> dict[str, str]:
    """Return what keeps candidates out by their ids, whatever their facts are."""
    return {
        **dict.fromkeys(constraints.members, "organization_conflict"),
        **dict.fromkeys(constraints.excluded, "excluded"),
    }


def segment_reasons(facts: FactTable, constraints: Constraints) -> NDArray[np.int8]:
    """Return the same for one segment, by facts alone."""
    masks = {"no_capacity": facts.capacities == 0}
    if constraints.on is not None:
        masks["absent"] = _absent(facts.absences, constraints.on)
    if constraints.regions is not None:
        masks["region"] = ~_inside(facts.regions, constraints.regions)
    if constraints.kinds is not None:
        wanted = np.array([name_key(kind) for kind in constraints.kinds], dtype=np.uint64)
        masks["kind"] = ~np.isin(facts.kind_keys, wanted)
    if constraints.organizations:
        masks["organization_conflict"] = _conflicting(facts, constraints.organizations)
    found = np.zeros(len(facts.capacities), dtype=np.int8)
    for reason, mask in masks.items():
        found[mask] = REASONS.index(reason)
    return found


def detail(
    reason: str, segment: Segment, row: int, candidate_id: str, constraints: Constraints
) -> str:
    """Return what broke the constraint: the organizations, the kind, the region, the days."""
    facts = segment.candidates.facts
    match reason:
        case "excluded":
            return constraints.excluded[candidate_id]
        case "organization_conflict":
            shared = _shared_organizations(facts, row, constraints.organizations)
            return shared or constraints.members[candidate_id]
        case "kind":
            return string(facts.kinds, row)
        case "region":
            return f"{facts.regions[row]:06d}" if facts.regions[row] else ""
        case "absent" if constraints.on is not None:
            return _absence(facts, row, constraints.on)
        case _:
            return ""


def prefer(
    index: MatchIndex, rows: Rowset, passages: PassageScores, preferences: Preferences
) -> list[PreferenceValues]:
    """Return the preferences with a weight, and how far each candidate at `rows` meets them."""
    wanted = []
    if preferences.near:
        regions = [segment.candidates.facts.regions for segment in index.segments]
        values = nearness(np.concatenate(regions)[rows], preferences.region)
        wanted.append(PreferenceValues("near", preferences.near, values))
    if preferences.graded:
        values = best_grades(index, rows, passages)
        wanted.append(PreferenceValues("graded", preferences.graded, values))
    return wanted


def best_grades(index: MatchIndex, rows: Rowset, passages: PassageScores) -> NDArray[np.float64]:
    """Return the grade (0, ½ or 1) of the document that holds each candidate's best passage."""
    grades = np.zeros(len(rows))
    order = np.lexsort((-passages.cosines, passages.owners))
    owners, firsts = np.unique(passages.owners[order], return_index=True)
    segments = index.segments_of(rows[owners])
    for owner, first, number in zip(owners, order[firsts], segments, strict=True):
        documents = index.segments[number].candidates.documents.values
        grades[owner] = documents.grades[passages.documents[first]] / (len(GRADES) - 1)
    return grades


def region_range(code: str) -> tuple[int, int]:
    """Return the half-open range of six-digit codes that a region code or prefix stands for.

    330000 and 33 mean 330000 to 339999; 000000 is the whole country. ValueError on anything else.
    """
    if not code.isdigit() or len(code) > CODE_LENGTH:
        raise ValueError(f"a region code has up to {CODE_LENGTH} digits, got {code!r}")
    prefix = code
    while len(code) == CODE_LENGTH and prefix.endswith("00"):
        prefix = prefix[:-2]
    width = 10 ** (CODE_LENGTH - len(prefix))
    low = int(prefix or 0) * width
    return low, low + width


def nearness(regions: NDArray[np.int32], region: str) -> NDArray[np.float64]:
    """Return the share of leading code pairs (province, city, county) in common with `region`."""
    if not region:
        return np.zeros(len(regions))
    home = region_range(region)[0]
    levels = [
        (regions // step == home // step) & (home // step % 100 > 0) for step in (10000, 100, 1)
    ]
    shared = np.cumprod(np.array(levels, dtype=np.int64), axis=0).sum(axis=0)
    return np.asarray(shared / len(levels), dtype=np.float64)


def _conflicting(facts: FactTable, organizations: frozenset[str]) -> Mask:
    keys = np.array([name_key(name) for name in organizations], dtype=np.uint64)
    return _any_by_row(facts.organizations, np.isin(facts.organizations.values, keys))


def _inside(regions: NDArray[np.int32], codes: tuple[str, ...]) -> Mask:
    ranges = [region_range(code) for code in codes]
    masks = [(regions >= low) & (regions < high) for low, high in ranges]
    return np.any(masks, axis=0) if masks else np.zeros(len(regions), dtype=np.bool_)


def _absent(absences: Ragged[NDArray[np.int32]], on: date) -> Mask:
    day, spans = on.toordinal(), absences.values
    return _any_by_row(absences, (spans[:, 0] <= day) & (day <= spans[:, 1]))


def _any_by_row(column: Ragged[NDArray[np.uint64]] | Ragged[NDArray[np.int32]], hit: Mask) -> Mask:
    mask = np.zeros(len(column), dtype=np.bool_)
    mask[np.searchsorted(column.offsets, np.flatnonzero(hit), side="right") - 1] = True
    return mask


def _shared_organizations(facts: FactTable, row: int, organizations: frozenset[str]) -> str:
    start, stop = facts.organizations.bounds(row)
    held = set(facts.organizations.values[start:stop].tolist())
    return ", ".join(sorted(name for name in organizations if name_key(name) in held))


def _absence(facts: FactTable, row: int, on: date) -> str:
    start, stop = facts.absences.bounds(row)
    spans, day = facts.absences.values[start:stop].tolist(), on.toordinal()
    low, high = next((low, high) for low, high in spans if low <= day <= high)
    return f"{date.fromordinal(low)}/{date.fromordinal(high)}"
