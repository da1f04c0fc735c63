"""Where a policy's files come from, checked without torch: a folder, or a hub id with a pinned commit.

Everything after this module works on folders, so a hub model is first fetched into the hub's own cache: its
safetensors, configuration and tokenizer, and nothing else. Pickled weights are never fetched and code only when
`trust_remote_code` is on. Local paths win over hub ids of the same spelling.

Left out: adapters without their base model. A LoRA folder is refused with the one command that merges it, for
what is sampled, judged and trained from must be one set of weights with one hash.
"""

import json
import re
from pathlib import Path
from typing import Any

from policy.errors import PolicyRefused
from policy.settings import PolicySettings

STARTER = "starter"
"""The name of the policy that is built on the spot (see `policy.starter`)."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_FETCHED = ("*.safetensors", "*.json", "*.jinja", "tokenizer.model", "*.tiktoken", "merges.txt", "vocab.txt")


def check_policy(settings: PolicySettings) -> None:
    """Refuse, in milliseconds and without loading anything, a policy that could not be loaded later.

    Raises `policy.errors.PolicyRefused`. What only the model's own files can tell is checked for folders at once
    and for hub models when they are fetched.
    """
    if not _DEVICE.fullmatch(settings.device):
        raise PolicyRefused(f"policy.device is {settings.device!r}; use auto, cpu, mps, cuda or cuda:N.")
    if settings.chat_template is not None and not Path(settings.chat_template).is_file():
        raise PolicyRefused(f"policy.chat_template: there is no file {settings.chat_template!r}.")
    if settings.model == STARTER:
        return
    if Path(settings.model).expanduser().is_dir():
        check_folder(Path(settings.model).expanduser(), settings)
        return
    check_hub_id(settings.model, settings.revision)


def check_hub_id(model: str, revision: str | None) -> None:
    """Refuse what is neither a folder nor a hub id with a pinned commit."""
    if not _HUB_ID.fullmatch(model):
        raise PolicyRefused(
            f"policy.model {model!r} is neither a folder that exists nor a hub id such as owner/name "
            f"(nor {STARTER!r}). Give the path of a model folder, or the hub id with policy.revision."
        )
    if revision is None or not _COMMIT.fullmatch(revision):
        raise PolicyRefused(
            f"policy.model {model!r} is a hub model and policy.revision is {revision!r}: a branch or tag can "
            "change under a run. Set policy.revision to the full commit (40 hexadecimal digits, shown under "
            f"'Files and versions'; if {model!r} was meant as a folder, it does not exist here)."
        )


def check_folder(folder: Path, settings: PolicySettings) -> None:
    """Refuse a folder without configuration, tokenizer, safetensors or chat template, or that needs its own code."""
    names = {entry.name for entry in folder.iterdir()}
    if "adapter_config.json" in names and "config.json" not in names:
        base = _json(folder / "adapter_config.json").get("base_model_name_or_path", "BASE")
        raise PolicyRefused(
            f"{folder} holds LoRA adapters of {base}, not a whole model. Merge them first: "
            f"`peft.AutoPeftModelForCausalLM.from_pretrained('{folder}').merge_and_unload()"
            ".save_pretrained('MERGED')`, save the tokenizer beside it, and use MERGED."
        )
    if "config.json" not in names:
        raise PolicyRefused(f"{folder} holds no config.json, so it is not a model folder.")
    if not any(name.endswith(".safetensors") for name in names):
        pickled = sorted(entry.name for pattern in _PICKLED for entry in folder.glob(pattern))
        found = f"only pickled weights ({', '.join(pickled[:3])})" if pickled else "no weights"
        raise PolicyRefused(
            f"{folder} holds {found}, and only safetensors are loaded, because a pickle can run code. Convert "
            "once in a place you trust: load it with transformers and call "
            "`model.save_pretrained(folder)`, which writes model.safetensors."
        )
    if not names & {"tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tokenizer_config.json"}:
        raise PolicyRefused(
            f"{folder} holds no tokenizer. Save it there: `tokenizer.save_pretrained(folder)`."
        )
    _check_code(folder, names, settings)
    _check_template(folder, names, settings)


def policy_folder(settings: PolicySettings, path: Path | str, revision: str | None) -> Path:
    """The folder that holds the policy `path`, fetched from the hub when it is a hub id.

    `revision` is the commit of a hub model. Raises `policy.errors.PolicyRefused`.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        check_hub_id(str(path), revision)
        folder = _fetch(str(path), str(revision), settings.trust_remote_code)
    check_folder(folder, settings)
    return folder


def _fetch(model: str, revision: str, code: bool) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 (half a second, and needed for hub ids only)

    patterns = [*_FETCHED, *(["*.py"] if code else [])]
    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=patterns))
    except Exception as error:  # the hub client raises many kinds, from httpx up
        raise PolicyRefused(
            f"Cannot fetch {model} at {revision} from the hub: {error}. Check the id, the commit, the network and "
            "(for a gated model) HF_TOKEN; or download it elsewhere and give its folder."
        ) from error


def _check_code(folder: Path, names: set[str], settings: PolicySettings) -> None:
    configs = [_json(folder / name) for name in ("config.json", "tokenizer_config.json") if name in names]
    if any("auto_map" in config for config in configs) and not settings.trust_remote_code:
        raise PolicyRefused(
            f"{folder} comes with its own Python code (auto_map in its configuration). It is not run unless you "
            "have read it and set policy.trust_remote_code: true."
        )


def _check_template(folder: Path, names: set[str], settings: PolicySettings) -> None:
    if settings.chat_template is not None or names & {"chat_template.jinja", "chat_template.json"}:
        return
    if not _json(folder / "tokenizer_config.json").get("chat_template"):
        raise PolicyRefused(
            f"The tokenizer in {folder} has no chat template, so prompts cannot be put to this model the way it "
            "was trained. Use its instruction-tuned version, or set policy.chat_template to a Jinja file."
        )


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise PolicyRefused(f"{path} is not JSON: {error}.") from error
    return content
