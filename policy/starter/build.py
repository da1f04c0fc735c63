"""The starter policy on disk: built once, found by the hash of its own recipe ever after.

The folder's name carries a hash of the files that decide its weights, so editing the recipe builds a new one and
never serves an old one. It is built beside its place and moved there whole, under a lock: a folder that exists is
complete, and two processes build once.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import torch
from filelock import FileLock
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from policy.model import quiet
from policy.starter.lessons import learn
from policy.starter.recipe import Recipe
from policy.starter.spelling import learn_tokenizer
from policy.starter.texts import corpus
from prompts.constitution import load_constitution
from prompts.hashing import content_hash
from prompts.template import load_template

SOURCES = (
    "answers.py", "build.py", "facts.py", "lessons.py", "questions.py", "recipe.py", "spelling.py", "texts.py",
    "tries.py",
)  # fmt: skip


def ensure_starter(
    cache_dir: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    steps: int | None = None,
) -> Path:
    """The starter's folder in Hugging Face format, built first where it is not in the cache.

    `cache_dir` defaults to $RLAIF_CACHE, else ~/.cache/rlaif. `progress(step, steps)` is called as it learns.
    `steps` shortens each of the three stages to so many optimizer steps: a barely trained miniature for tests
    (steps=1 takes a second or two).
    """
    recipe = Recipe() if steps is None else Recipe().shortened(steps)
    folder = _place(recipe, cache_dir)
    home = folder.parent
    home.mkdir(parents=True, exist_ok=True)
    if folder.is_dir():
        return folder
    with FileLock(str(folder) + ".lock"):
        if not folder.is_dir():
            for remains in home.glob(
                f".{folder.name}.*"
            ):  # of a build that was killed: nobody else holds the lock
                shutil.rmtree(remains)
            work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=home))
            try:
                _build(recipe, work, progress or _unheard)
                work.chmod(0o755)
                os.replace(work, folder)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return folder


def is_built(cache_dir: Path | None = None) -> bool:
    """Whether the starter is in the cache, so that `ensure_starter` returns at once."""
    return _place(Recipe(), cache_dir).is_dir()


def _place(recipe: Recipe, cache_dir: Path | None) -> Path:
    return (cache_dir or default_cache()) / f"starter-{fingerprint(recipe)}"


def default_cache() -> Path:
    """$RLAIF_CACHE, else ~/.cache/rlaif."""
    named = os.environ.get("RLAIF_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "rlaif"


def fingerprint(recipe: Recipe) -> str:
    """Twelve hexadecimal digits that change with anything that decides the starter's weights."""
    here = files("policy.starter")
    sources = [here.joinpath(name).read_text(encoding="utf-8") for name in SOURCES]
    wording = [load_template("starter").hash, load_constitution("starter").hash]
    return content_hash("\0".join([*sources, *wording, repr(recipe)]))[:12]


def _unheard(_step: int, _steps: int) -> None:
    pass


def _build(recipe: Recipe, folder: Path, progress: Callable[[int, int], None]) -> None:
    tokenizer = learn_tokenizer(corpus(recipe.seed), recipe.vocabulary, recipe.longest)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = new_model(recipe, tokenizer)
    learn(model, tokenizer, recipe, progress)
    with quiet():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def new_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama of the recipe's sizes with random weights."""
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=recipe.hidden,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            intermediate_size=recipe.inner,
            max_position_embeddings=recipe.longest,
            tie_word_embeddings=True,
            initializer_range=recipe.spread,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=True,
        max_new_tokens=48,
    )
    return model
