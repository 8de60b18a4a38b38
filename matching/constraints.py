"""Hard exclusions with their reasons, then soft preferences."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from matching.aggregation import PassageScores
from matching.arrays import Rowset
from matching.columns import Ragged, concatenate, string
from matching.fusion import PreferenceValues
from matching.index import MatchIndex
from matching.segments import GRADES, UNSAID, FactTable, Mask, fact_table, name_key
from matching.types import Constraints, Facts, Limits, Objection, Preferences

CODE_LENGTH = 6
UNLIMITED = 2**30

# The first one that a candidate breaks is told.
REASONS = (
    *("", "excluded", "organization_conflict", "kind", "region"),
    *("do_not_contact", "absent", "resting", "no_capacity"),
)


def reasons(index: MatchIndex, constraints: Constraints) -> NDArray[np.int8]:
    """Return for every row the place in `REASONS` of the first constraint it breaks, 0 for none."""
    parts = [segment_reasons(segment.candidates.facts, constraints) for segment in index.segments]
    found = np.concatenate([np.zeros(0, dtype=np.int8), *parts])
    for candidate_id, reason in _by_name(constraints).items():
        row = index.row_of(candidate_id)
        if row is not None:
            found[row] = REASONS.index(reason)
    return found


def reasons_against(
    candidate_id: str, facts: Facts, constraints: Constraints
) -> tuple[Objection, ...]:
    """Return every constraint that one candidate breaks, by the same rules, in the same order.

    >>> reasons_against("李", Facts(organizations=frozenset({"甲"})),
    ...                 Constraints(organizations=frozenset({"甲"})))
    (Objection(reason='organization_conflict', detail='甲'),)
    """
    table = fact_table([facts])
    broken = {reason for reason, mask in _masks(table, constraints).items() if mask[0]}
    if candidate_id in constraints.members:
        broken.add("organization_conflict")
    if candidate_id in constraints.excluded:
        broken.add("excluded")
    return tuple(
        Objection(reason=reason, detail=detail(reason, table, 0, candidate_id, constraints))
        for reason in REASONS
        if reason in broken
    )


def _by_name(constraints: Constraints) -> dict[str, str]:
    """Return what keeps candidates out by their ids, whatever their facts are."""
    return {
        **dict.fromkeys(constraints.members, "organization_conflict"),
        **dict.fromkeys(constraints.excluded, "excluded"),
    }


def segment_reasons(facts: FactTable, constraints: Constraints) -> NDArray[np.int8]:
    """Return the same for one segment, by facts alone."""
    found = np.zeros(len(facts.capacities), dtype=np.int8)
    masks = _masks(facts, constraints)
    for reason in sorted(masks, key=REASONS.index, reverse=True):
        found[masks[reason]] = REASONS.index(reason)
    return found


def _masks(facts: FactTable, constraints: Constraints) -> dict[str, Mask]:
    """Return who breaks each constraint that there is."""
    on = constraints.on
    masks = {
        "no_capacity": _invited(facts, on) >= _allowed(facts, constraints),
        "do_not_contact": facts.do_not_contact_until >= (on or date.max).toordinal(),
    }
    if on is not None:
        masks["absent"] = _absent(facts.absences, on)
        masks["resting"] = _resting(facts, on, constraints.limits)
    if constraints.regions is not None:
        masks["region"] = ~_inside(facts.regions, constraints.regions)
    if constraints.kinds is not None:
        wanted = np.array([name_key(kind) for kind in constraints.kinds], dtype=np.uint64)
        masks["kind"] = ~np.isin(facts.kind_keys, wanted)
    if constraints.organizations:
        masks["organization_conflict"] = _conflicting(facts, constraints.organizations)
    return masks


def detail(
    reason: str, facts: FactTable, row: int, candidate_id: str, constraints: Constraints
) -> str:
    """Return what broke the constraint: the organizations, the kind, the region, the days."""
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
        case "resting" if constraints.on is not None:
            return _end_of_rest(facts, row, constraints.on, constraints.limits)
        case "do_not_contact":
            until = date.fromordinal(int(facts.do_not_contact_until[row]))
            return "" if until == date.max else until.isoformat()
        case "no_capacity":
            return _capacity(facts, row, constraints)
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


def _resting(facts: FactTable, on: date, limits: Limits) -> Mask:
    day = on.toordinal()
    invited = _within(facts.invitations.values, day, limits.rest_after_invitation)
    refused = _within(facts.refusals.values, day, limits.rest_after_refusal)
    return _any_by_row(facts.invitations, invited) | _any_by_row(facts.refusals, refused)


def _within(began: NDArray[np.int32], day: int, length: int) -> Mask:
    """Return which rests hold on a day: it is one of the `length` days from when they began."""
    return (began <= day) & (day < began + length)


def _allowed(facts: FactTable, constraints: Constraints) -> NDArray[np.int32]:
    """Return how many invitations each may get in the year, on that day."""
    limits, on = constraints.limits, constraints.on
    usual = UNLIMITED if limits.capacity is None else limits.capacity
    is_unsaid = facts.capacities == UNSAID
    # Sums, since to choose row by row takes several times as long.
    allowed: NDArray[np.int32] = facts.capacities + is_unsaid * np.int32(usual - UNSAID)
    for kind, capacity in limits.capacities.items():
        is_kind = facts.kind_keys == np.uint64(name_key(kind))
        allowed += (is_unsaid & is_kind) * np.int32(capacity - usual)
    if on is not None:
        rows = np.flatnonzero(facts.reduced_until >= on.toordinal())
        allowed[rows] = np.minimum(allowed[rows], facts.reduced_capacities[rows])
    return allowed


def _invited(facts: FactTable, on: date | None) -> NDArray[np.int32]:
    """Return how often each was invited in the calendar year of that day."""
    if on is None:
        return np.zeros(len(facts.capacities), dtype=np.int32)
    first, last = date(on.year, 1, 1).toordinal(), date(on.year, 12, 31).toordinal()
    days, offsets = facts.invitations.values, facts.invitations.offsets
    sums = np.zeros(len(days) + 1, dtype=np.int32)
    np.cumsum((first <= days) & (days <= last), out=sums[1:])
    return np.diff(sums[offsets])


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


def _end_of_rest(facts: FactTable, row: int, on: date, limits: Limits) -> str:
    """The last day of the rest that holds longest."""
    kinds = (
        (facts.invitations, limits.rest_after_invitation),
        (facts.refusals, limits.rest_after_refusal),
    )
    ends = []
    for column, length in kinds:
        start, stop = column.bounds(row)
        began = column.values[start:stop]
        ends += (began[_within(began, on.toordinal(), length)] + length - 1).tolist()
    return date.fromordinal(max(ends)).isoformat()


def _capacity(facts: FactTable, row: int, constraints: Constraints) -> str:
    """Invitations of the year / how many there may be, and until when these are fewer."""
    on, own = constraints.on, concatenate([(facts, [(row, row + 1)])])
    counted = f"{_invited(own, on)[0]}/{_allowed(own, constraints)[0]}"
    until = int(own.reduced_until[0])
    if on is None or until < on.toordinal():
        return counted
    return f"{counted} {date.fromordinal(until)}"
