"""What is refused before anything is loaded, and that refusing needs no torch."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import policy
from policy.errors import PolicyRefused
from policy.settings import PolicySettings
from policy.source import check_folder, check_policy, policy_folder


def _copy(folder: Path, target: Path, without: str = "") -> Path:
    target.mkdir()
    for path in folder.iterdir():
        if path.name != without:
            (target / path.name).write_bytes(path.read_bytes())
    return target


def test_the_starter_and_a_whole_folder_are_accepted(tiny_folder: Callable[[str], Path]) -> None:
    check_policy(PolicySettings(model="starter"))
    check_policy(PolicySettings(model=str(tiny_folder("llama"))))


def test_a_hub_id_without_a_pinned_commit_is_refused() -> None:
    for revision in (None, "main", "v1.0", "abc123"):
        with pytest.raises(PolicyRefused, match=r"policy\.revision"):
            check_policy(PolicySettings(model="Qwen/Qwen3-0.6B", revision=revision))
    check_policy(PolicySettings(model="Qwen/Qwen3-0.6B", revision="c1899de289a04d12100db370d81485cdf75e47ca"))


def test_a_folder_that_does_not_exist_is_called_that(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefused, match="neither a folder that exists"):
        check_policy(PolicySettings(model=str(tmp_path / "nowhere")))


def test_an_unknown_device_and_a_missing_template_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefused, match="gpu"):
        check_policy(PolicySettings(model="starter", device="gpu"))
    with pytest.raises(PolicyRefused, match="chat_template"):
        check_policy(PolicySettings(model="starter", chat_template=str(tmp_path / "none.jinja")))


def test_pickled_weights_are_refused_with_the_way_to_convert(
    tiny_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = _copy(tiny_folder("llama"), tmp_path / "pickled", without="model.safetensors")
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(PolicyRefused, match=r"pytorch_model\.bin.*save_pretrained"):
        policy_folder(PolicySettings(model=str(folder)), folder, None)


def test_lora_adapters_are_refused_with_the_way_to_merge(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "org/base"}))
    with pytest.raises(PolicyRefused, match=r"org/base.*merge_and_unload"):
        check_folder(tmp_path, PolicySettings(model="x"))


def test_a_model_with_its_own_code_is_refused_unless_allowed(
    tiny_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = _copy(tiny_folder("llama"), tmp_path / "code")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoConfig": "x.Y"}}))
    with pytest.raises(PolicyRefused, match="trust_remote_code"):
        check_policy(PolicySettings(model=str(folder)))
    check_policy(PolicySettings(model=str(folder), trust_remote_code=True))


def test_a_tokenizer_without_a_chat_template_needs_one_configured(
    tiny_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = _copy(tiny_folder("llama"), tmp_path / "base", without="chat_template.jinja")
    with pytest.raises(PolicyRefused, match="chat template"):
        check_policy(PolicySettings(model=str(folder)))
    template = tmp_path / "chat.jinja"
    template.write_text("{{ messages[0]['content'] }}")
    check_policy(PolicySettings(model=str(folder), chat_template=str(template)))


def test_checking_and_naming_need_no_torch() -> None:
    torch_free = (
        "policy, policy.source, policy.training, policy.checkpoint, policy.draws, policy.metrics_file, "
        "policy.job_files, policy.guard, policy.contract"
    )
    code = f"import sys, {torch_free}; assert not {{'torch', 'transformers', 'trl'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(policy.__file__).parent.parent)


def test_every_public_name_is_there_and_no_other() -> None:
    for name in policy.__all__:
        assert getattr(policy, name) is not None
    assert sorted(policy.__all__) == policy.__all__
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = policy.nothing_such
