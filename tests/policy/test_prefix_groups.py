"""Sequences that begin alike are found, and none is lost."""

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from policy.prefix_groups import by_prefix, group_by_start, shared_start

sequences = st.lists(
    st.lists(st.integers(0, 2), min_size=1, max_size=40).map(lambda ids: tuple([0] * 9 + ids)),
    min_size=1,
    max_size=40,
)


@given(sequences)
@settings(max_examples=200, deadline=None)
def test_each_sequence_is_in_one_group_and_shares_what_the_group_says(found: list[tuple[int, ...]]) -> None:
    limits = [len(ids) - 1 for ids in found]
    base = shared_start(found, limits)
    assert len({ids[:base] for ids in found}) == 1
    groups = group_by_start(found, limits, base)
    assert sorted(place for group in groups for place in group.places) == list(range(len(found)))
    for group in groups:
        assert base <= group.prefix <= min(limits[place] for place in group.places)
        assert len({found[place][: group.prefix] for place in group.places}) == 1
    assert sorted(group.prefix for groups in [groups] for group in groups) == sorted(
        prefix for prefix, some in by_prefix(groups).items() for _ in some
    )


def test_the_chats_of_one_prompt_are_grouped_by_their_first_answer() -> None:
    answers = [tuple(range(100 * n, 100 * n + 20)) for n in range(1, 5)]
    chats = [(*range(30), *first, 7, *second, 8) for first, second in permutations(answers, 2)]
    limits = [len(ids) - 1 for ids in chats]
    base = shared_start(chats, limits)
    assert base == 30
    groups = group_by_start(chats, limits, base)
    assert sorted(len(group.places) for group in groups) == [3, 3, 3, 3]
    assert all(group.prefix >= 50 for group in groups)


def test_sequences_with_nothing_in_common_stay_alone() -> None:
    found = [(n, *range(20)) for n in range(5)]
    assert shared_start(found, [20] * 5) == 0
    assert {(group.prefix, len(group.places)) for group in group_by_start(found, [20] * 5, 0)} == {(0, 1)}
