"""Scores, parts and references come back from the store as they were put in, and are shown with their verdict."""

from prompts.prompt import Prompt
from store.provenance import trace
from store.records import Comparison, Part

PARTS = {"safe": Part(p_first=0.1, score_first=1.25, score_second=4.0), "right": Part(p_first=0.9)}


def test_what_was_said_of_each_part_is_kept_with_the_verdict_and_shown(run, units, store):
    prompts = units.prompts(2)
    run.add_prompts(prompts)
    samples = units.samples(prompts)
    run.add_samples(samples)
    whole, plain = units.comparisons(prompts, samples)
    run.add_comparisons([whole, plain])
    verdict = units.verdict(
        whole, score_first=1.25, score_second=4.0, by_principle=PARTS, by_axis={"harmless": PARTS["safe"]}
    )
    run.add_verdicts([verdict, units.verdict(plain)])
    kept = run.verdict(verdict.id)
    assert kept == verdict.model_copy(update={"prompt_texts": ()})
    assert kept.by_principle == PARTS
    assert next(v for v in run.verdicts(1, "train") if v.comparison_id == plain.id).by_principle is None
    shown = trace(store, verdict.id).subject.fields
    assert shown["by_principle"]["safe"] == {"p_first": 0.1, "score_first": 1.25, "score_second": 4.0}
    assert shown["by_axis"]["harmless"]["p_first"] == 0.1
    assert (shown["score_first"], shown["score_second"]) == (1.25, 4.0)


def test_an_unscored_verdicts_parts_give_way_with_it(run, units):
    prompts = units.prompts(1)
    run.add_prompts(prompts)
    samples = units.samples(prompts)
    run.add_samples(samples)
    (comparison,) = units.comparisons(prompts, samples)
    run.add_comparisons([comparison])
    run.add_verdicts(
        [units.verdict(comparison, unscored="right: no idea", by_principle={"safe": PARTS["safe"]})]
    )
    run.add_verdicts([units.verdict(comparison, by_principle=PARTS)])
    (kept,) = run.verdicts(1, "train")
    assert (kept.p_first, kept.by_principle) == (0.75, PARTS)


def test_a_reference_stays_with_its_prompt_and_changes_nothing_of_its_identity(run, units):
    bare = units.prompts(1)[0]
    prompt = Prompt(**bare.model_dump(exclude={"reference", "id"}), reference="Like \x00 this \ud83d.")
    assert prompt.id == bare.id
    run.add_prompts([prompt])
    run.add_samples(units.samples([prompt]))
    assert run.prompt(prompt.id) == prompt
    first, second = run.samples(1, "train")
    run.add_comparisons(
        [
            Comparison(
                prompt=prompt, first=first, second=second, round=1, purpose="train", constitution="c" * 64
            )
        ]
    )
    assert next(run.comparisons(1, "train")).prompt.reference == prompt.reference
