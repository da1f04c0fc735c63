"""A run's whole configuration: one typed tree, read from YAML.

Precedence: `--set key=value`, then environment (`RLAIF__GATE__LABELS=30`), then the file, then defaults. Unknown
keys are errors that name the nearest known key. Secrets never stand here: settings hold the *name* of an
environment variable. Checks that need files, a network or a model come later (`loop.check`), this module
reads and types.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from judge.settings import (
    ApiJudgeSettings,
    JudgeSettings,
    LocalJudgeSettings,
    PanelJudgeSettings,
    ScriptedJudgeSettings,
    SingleJudgeSettings,
    single_judges,
)
from loop.errors import ConfigError
from loop.settings import (
    CanarySettings,
    DriftSettings,
    GateSettings,
    LeagueSettings,
    PairSettings,
    ShadowSettings,
)
from policy.settings import PolicySettings, SamplerSettings, TrainSettings
from prompts.hashing import content_id
from prompts.settings import PromptSettings, Settings
from prompts.strict_yaml import read_yaml
from review.settings import ReviewerSettings, SpotCheckSettings

ENVIRONMENT_PREFIX = "RLAIF__"

_PURSE: Any = dict.fromkeys(("budget", "prices", "delivery", "batch"), True)
_ANY_JUDGE: Any = {**_PURSE, "members": {"__all__": _PURSE}}
_NO_RESULTS: Any = {
    "rounds": True,
    "output": True,
    "store": True,
    "league": True,
    "canaries": True,
    "judge": _ANY_JUDGE,
    "shadow": {"judge": _ANY_JUDGE},
}
"""Keys that may change between the sessions of one run."""


class StoreSettings(Settings):
    """Where durable facts are kept."""

    url: str | None = Field(
        default=None, description="SQLAlchemy URL without a password. Default: SQLite at OUTPUT/rlaif.db."
    )
    url_env: str | None = Field(
        default=None, description="Name of an environment variable with the URL, for one that has a password."
    )


class RunConfig(Settings):
    """Everything that determines a run."""

    seed: int = Field(default=0, ge=0, lt=2**31, description="Every random draw of the run derives from it.")
    rounds: int = Field(
        default=4, ge=1, description="At most so many rounds; the gate may stop the run earlier."
    )
    output: Path = Field(default=Path("runs"), description="Folder of the runs' files.")
    store: StoreSettings = StoreSettings()
    prompts: PromptSettings
    policy: PolicySettings
    sampler: SamplerSettings = SamplerSettings()
    judge: JudgeSettings = LocalJudgeSettings()
    shadow: ShadowSettings | None = None
    canaries: CanarySettings = CanarySettings()
    spot_check: SpotCheckSettings = SpotCheckSettings()
    reviewer: ReviewerSettings = ReviewerSettings()
    pairs: PairSettings = PairSettings()
    train: TrainSettings = TrainSettings()
    gate: GateSettings = GateSettings()
    drift: DriftSettings = DriftSettings()
    league: LeagueSettings = LeagueSettings()

    @model_validator(mode="before")
    @classmethod
    def _local_judge_by_default(cls, tree: Any) -> Any:
        if not isinstance(tree, dict):
            return tree
        judge, shadow = tree.get("judge"), tree.get("shadow")
        if isinstance(judge, dict) and "kind" not in judge:
            tree = {**tree, "judge": {"kind": "local", **judge}}
        if isinstance(shadow, dict) and isinstance(shadow.get("judge"), dict):
            first = judge if isinstance(judge, dict) else {}
            wording = {key: first[key] for key in ("template", "constitution") if key in first}
            tree = {**tree, "shadow": {**shadow, "judge": {"kind": "local", **wording, **shadow["judge"]}}}
        return tree

    @model_validator(mode="after")
    def _one_constitution(self) -> Self:
        if self.shadow is not None and self.shadow.judge.constitution != self.judge.constitution:
            raise ValueError(
                f"shadow.judge.constitution is {self.shadow.judge.constitution!r} and judge.constitution "
                f"{self.judge.constitution!r}; a shadow judges the same comparisons: leave it out"
            )
        return self

    @property
    def judges(self) -> list[SingleJudgeSettings]:
        """Every single judge of the run: the judge or its members, then the shadow's."""
        return [
            *single_judges(self.judge),
            *(single_judges(self.shadow.judge) if self.shadow is not None else ()),
        ]

    @property
    def content_hash(self) -> str:
        """Names what determines the run's results: all but where they are kept, how many rounds and what to spend."""
        return content_id("cfg", self.model_dump(mode="json", exclude=_NO_RESULTS))

    @property
    def store_url(self) -> str:
        """The store's URL. Raises ConfigError where `store.url_env` names a variable that is not set."""
        if self.store.url_env:
            url = os.environ.get(self.store.url_env)
            if not url:
                raise ConfigError(
                    f"store.url_env: environment variable {self.store.url_env} is not set; set it to the URL"
                )
            return url
        return self.store.url or f"sqlite:///{self.output / 'rlaif.db'}"

    @property
    def store_option(self) -> str:
        """The `--store` option that finds this store from the shell, without the secret a URL may hold."""
        if self.store.url_env:
            return f'--store "${self.store.url_env}"'
        return f"--store {self.store_url}"


def load_config(path: Path | str, overrides: Iterable[str] = ()) -> RunConfig:
    """Read `path` (YAML), then the environment, then `overrides` (`key.sub=value`, values in YAML).

    Raises ConfigError that lists every fault with its key, and for an unknown key the nearest known one.
    """
    return parse_config(read_tree(path, overrides), str(path))


def read_tree(path: Path | str, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """What `load_config` reads, before it is typed. Raises ConfigError for what is not a mapping in YAML."""
    path = Path(path)
    try:
        tree = read_yaml(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(tree, dict):
        raise ConfigError(
            f"{path}: a configuration is a mapping of sections, this is a {type(tree).__name__}"
        )
    environment = [
        f"{name.removeprefix(ENVIRONMENT_PREFIX).lower().replace('__', '.')}={value}"
        for name, value in sorted(os.environ.items())
        if name.startswith(ENVIRONMENT_PREFIX)
    ]
    for assignment in [*environment, *overrides]:
        _assign(tree, assignment)
    return tree


def parse_config(tree: Mapping[str, Any], place: str) -> RunConfig:
    """Type a configuration tree; `place` (a file's name) goes into the error."""
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        faults = "\n".join(f"  {_fault(detail)}" for detail in error.errors())
        raise ConfigError(
            f"{place}: {error.error_count()} fault(s) in the configuration\n{faults}"
        ) from error


def _assign(tree: dict[str, Any], assignment: str) -> None:
    key, equals, value = assignment.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {assignment}: expected key=value, such as gate.labels=100")
    *sections, last = key.strip().split(".")
    for section in sections:
        branch = tree.setdefault(section, {})
        if not isinstance(branch, dict):
            raise ConfigError(f"--set {assignment}: {section} is a value, not a section")
        tree = branch
    try:
        tree[last] = read_yaml(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {assignment}: the value is not valid YAML: {error}") from error


_JUDGES: dict[str, type[BaseModel]] = {
    "local": LocalJudgeSettings,
    "api": ApiJudgeSettings,
    "scripted": ScriptedJudgeSettings,
    "panel": PanelJudgeSettings,
}


def _fault(detail: Any) -> str:
    # In the location of a fault in a tagged union the tag stands as a step of its own: judge.api.model.
    location = [str(step) for step in detail["loc"]]
    shown = ".".join(step for i, step in enumerate(location) if not (i and _is_tag(step, location[i - 1])))
    if detail["type"] != "extra_forbidden":
        return f"{shown}: {detail['msg']} (got {detail['input']!r})"
    known = _known_keys(location[:-1])
    near = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
    return f"{shown}: unknown key; {hint}"


def _is_tag(step: str, before: str) -> bool:
    """Whether a step of a location is the kind of a judge: it follows `judge`, or a member's number."""
    return step in _JUDGES and (before == "judge" or before.isdecimal())


def _known_keys(location: list[str]) -> list[str]:
    model: Any = RunConfig
    for before, step in pairwise(["", *location]):
        if step in ("judge", "members") or step.isdecimal():
            continue
        if _is_tag(step, before):
            model = _JUDGES[step]
            continue
        annotation = model.model_fields[step].annotation
        candidates = [a for a in (annotation, *getattr(annotation, "__args__", ())) if isinstance(a, type)]
        models = [a for a in candidates if issubclass(a, BaseModel)]
        if not models:
            return []
        model = models[0]
    return sorted(model.model_fields)
