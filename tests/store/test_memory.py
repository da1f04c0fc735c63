"""Memory does not grow with the number of units: 100,000 verdicts pass through a few hundred at a time."""

import subprocess
import sys
from pathlib import Path

import pytest

MANY = 100_000
ALLOWED_KIB = 300 * 1024

PASS = """
import resource, sys
from prompts.hashing import content_hash
from store import Store
from store.records import Comparison, Message, Prompt, Run, Sample, Verdict

url, many = sys.argv[1], int(sys.argv[2])
K = 21
def prompt(i):
    return Prompt(messages=(Message(role="user", content=f"question {i}"),), split="train")
def samples(p):
    return [
        Sample(prompt_id=p.id, policy="rev_a", round=1, purpose="train", index=k, seed=k, settings="s",
               text=f"answer {k} " * 20, tokens=3, finish_reason="stop")
        for k in range(K)
    ]
def comparisons():
    made = 0
    for i in range(many):
        p = prompt(i)
        own = samples(p)
        for a in range(K):
            for b in range(a + 1, K):
                if made == many:
                    return
                made += 1
                yield Comparison(prompt=p, first=own[a], second=own[b], round=1, purpose="train", constitution="c")
def verdict(c):
    texts = tuple(f"{side} {c.id} " + "principle " * 100 for side in "ab")
    return Verdict(comparison_id=c.id, judge="j", template="t", constitution="c", p_first=0.5, prompt_texts=texts,
                   prompt_hashes=tuple(map(content_hash, texts)), raw="reply " * 100)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

with Store.open(url) as store:
    run = store.create_run(Run(name="big", seed=1, config_hash="h", config={}))
    prompts = [prompt(i) for i in range(many // (K * (K - 1) // 2) + 1)]
    run.add_prompts(prompts)
    before = peak()
    assert run.add_samples(s for p in prompts for s in samples(p)) == K * len(prompts)
    assert run.add_comparisons(comparisons()) == many
    assert run.add_verdicts(verdict(c) for c in run.comparisons(1, "train")) == many
    assert sum(1 for _ in run.judged(1, "train")) == many
    print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_thousand_verdicts_add_little_to_the_peak(url):
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", PASS, url, str(MANY)], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < ALLOWED_KIB
