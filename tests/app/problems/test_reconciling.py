"""What the groups of tonight change: cases in words, and properties of them all."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.problems import reconciling
from app.problems.models import TOLD
from app.problems.models import ProblemState as S
from app.problems.reconciling import Ids, Lapse, Proposal, Standing, reconcile

NAMES = "abcdefgh"
WHOSE = {name: name.upper() for name in NAMES}  # each of its own enterprise


def ids(letters: str) -> Ids:
    return frozenset(letters)


def standing(
    letters: str, state: S = S.PROPOSED, *, added: str = "", excluded: str = ""
) -> Standing:
    return Standing(
        problem_id=f"{state}-{letters}",
        state=state,
        members=ids(letters),
        added=ids(added),
        excluded=ids(excluded),
    )


def steps(groups: list[str], *known: Standing, published: str = NAMES) -> list[str]:
    """New proposals by their letters, others by what they were and become; lapses end in "-"."""
    enterprises = {name: WHOSE[name] for name in published}
    told = []
    for step in reconcile([ids(g) for g in groups], known, enterprises):
        if isinstance(step, Lapse):
            told.append(f"{step.problem_id} -")
        else:
            letters = "".join(sorted(step.members))
            extends = f" beside {step.extends_id}" if step.extends_id else ""
            told.append(f"{step.problem_id} {letters}" if step.problem_id else letters + extends)
    return told


def test_what_is_new_is_proposed() -> None:
    assert steps(["ab", "cd"]) == ["ab", "cd"]


def test_what_stands_is_left_alone() -> None:
    for state in (S.PROPOSED, S.CONFIRMED, S.DISMISSED):
        assert steps(["ab"], standing("ab", state)) == []


def test_a_proposal_gains_what_is_like_it() -> None:
    assert steps(["abc"], standing("ab")) == ["proposed-ab abc"]


def test_a_proposal_keeps_what_is_less_alike_today() -> None:
    assert steps(["ab"], standing("abc")) == []
    assert steps([], standing("ab")) == []


def test_a_demand_goes_to_the_group_it_is_in_now() -> None:
    assert steps(["ab", "cd"], standing("abc")) == ["proposed-abc ab", "cd"]


def test_what_is_not_published_any_more_leaves() -> None:
    assert steps(["ab"], standing("abc"), published="ab") == ["proposed-abc ab"]
    assert steps([], standing("ab"), published="a") == ["proposed-ab -"]


def test_proposals_that_turn_out_to_be_one_become_one() -> None:
    known = standing("abc"), standing("de")
    assert steps(["abcde"], *known) == ["proposed-abc abcde", "proposed-de -"]


def test_what_was_dismissed_comes_back_only_with_more() -> None:
    dismissed = standing("abc", S.DISMISSED)
    assert steps(["abc"], dismissed) == steps(["ab"], dismissed) == []
    assert steps(["abd"], dismissed) == ["dismissed-abc abd"]
    assert steps(["ad"], dismissed) == ["ad"]  # one demand makes no other group the same


def test_what_has_lapsed_comes_back_as_it_was() -> None:
    assert steps(["ab"], standing("ab", S.LAPSED)) == ["lapsed-ab ab"]
    assert steps([], standing("ab", S.LAPSED)) == []


def test_beside_a_confirmed_one_stands_what_it_lacks() -> None:
    confirmed = standing("abc", S.CONFIRMED)
    assert steps(["ab"], confirmed) == []
    assert steps(["abd"], confirmed) == ["abd beside confirmed-abc"]
    assert steps(["abd"], confirmed, standing("abd")) == []


def test_what_a_person_put_in_stays_and_what_they_took_out_stays_out() -> None:
    edited = standing("abz", added="z", excluded="c")
    WHOSE["z"] = "Z"
    assert steps(["abc"], edited, published="abcz") == []
    assert steps(["ac"], edited, published="abcz") == []
    assert steps(["abcd", "ez"], edited, published="abcdez") == ["proposed-abz abdz", "ez"]
    assert steps(["cd"], edited, published="abcdz") == ["cd"]  # another problem of that demand


def test_of_two_enterprises_or_none() -> None:
    whose = dict.fromkeys(NAMES, "X") | {"c": "Y"}
    lost = reconcile([], [standing("abc")], {name: whose[name] for name in "ab"})
    assert lost == [Lapse(problem_id="proposed-abc")]


def test_steps_without_an_end_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "MOST_ROUNDS", 1)
    assert steps(["ab"], standing("ab")) == []
    with pytest.raises(RuntimeError, match="took 2 steps"):
        steps(["ab", "cd"])


STATES = st.sampled_from(list(S))
GROUPS = st.lists(st.sampled_from([None, 0, 1, 2]), min_size=8, max_size=8)
MEMBERS = st.frozensets(st.sampled_from(NAMES), min_size=2, max_size=5)


@st.composite
def problems(draw: st.DrawFn) -> list[Standing]:
    found = []
    for number in range(draw(st.integers(0, 4))):
        members, rest = draw(MEMBERS), sorted(set(NAMES))
        found.append(
            Standing(
                problem_id=str(number),
                state=draw(STATES),
                members=members,
                added=draw(st.frozensets(st.sampled_from(sorted(members)))),
                excluded=draw(st.frozensets(st.sampled_from(rest), max_size=2)) - members,
            )
        )
    return found


def taken(steps: list[Proposal | Lapse], known: list[Standing]) -> list[Standing]:
    """The problems after these steps."""
    after = {one.problem_id: one for one in known}
    for number, step in enumerate(steps):
        if isinstance(step, Lapse):
            after[step.problem_id] = replace(after[step.problem_id], state=S.LAPSED)
        elif step.problem_id is None:
            new = Standing(problem_id=f"new{number}", state=S.PROPOSED, members=step.members)
            after[new.problem_id] = new
        else:
            old = after[step.problem_id]
            after[step.problem_id] = replace(
                old, state=S.PROPOSED, members=step.members, added=old.added & step.members
            )
    return list(after.values())


@pytest.mark.parametrize(
    "enterprises", [WHOSE, {name: str(i // 2) for i, name in enumerate(NAMES)}]
)
@given(places=GROUPS, known=problems(), hidden=st.frozensets(st.sampled_from(NAMES), max_size=3))
def test_steps_that_were_taken_leave_none(
    enterprises: dict[str, str], places: list[int | None], known: list[Standing], hidden: Ids
) -> None:
    published = {n: enterprises[n] for n in NAMES if n not in hidden}
    groups = [
        frozenset(
            n for n, place in zip(NAMES, places, strict=True) if place == i and n in published
        )
        for i in range(3)
    ]
    groups = [g for g in groups if len({published[n] for n in g}) > 1]
    first = reconcile(groups, known, published)
    after = taken(first, known)
    assert reconcile(groups, after, published) == []
    for step in first:
        if isinstance(step, Proposal):
            assert len({published[n] for n in step.members}) > 1
    for before in known:
        now = next(one for one in after if one.problem_id == before.problem_id)
        if before.state in TOLD:
            assert now == before, "what is confirmed, and all that comes of it, stands"
        if before.state is S.DISMISSED and now != before:
            assert now.members - before.members, "it has gained a demand"
        assert not now.members & before.excluded
