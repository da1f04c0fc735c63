"""Training settings are refused early and by name, and completed by size."""

import dataclasses

import pytest
from trl import DPOConfig

from policy.errors import TrainingRefused
from policy.settings import LoraSettings, TrainSettings
from policy.training import LOSSES, OWNED, SCHEDULERS, check_training, config_fields, plan_training


def test_the_fields_read_from_the_source_are_those_of_the_class() -> None:
    assert config_fields() == {field.name for field in dataclasses.fields(DPOConfig) if field.init}
    assert set(OWNED) <= config_fields()


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_of_trl_is_accepted(loss: str) -> None:
    check_training(TrainSettings(loss=loss, extra={"label_smoothing": 0.001}))


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_is_one_that_transformers_knows(scheduler: str) -> None:
    check_training(TrainSettings(scheduler=scheduler))
    DPOConfig(output_dir="unused", lr_scheduler_type=scheduler, use_cpu=True, bf16=False)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"loss": "sigmoidd"}, "sigmoid"),
        ({"scheduler": "cosin"}, "cosine"),
        ({"extra": {"label_smothing": 0.1}}, "label_smoothing"),
        ({"extra": {"beta": 0.2}}, r"train\.beta"),
        ({"extra": {"sync_ref_model": True}}, "reference"),
        ({"loss": "exo_pair"}, "label_smoothing"),
        ({"batch_size": 32, "device_batch_size": 5}, "multiple"),
    ],
)
def test_what_trl_would_refuse_is_refused_before_with_the_way_out(
    settings: dict[str, object], said: str
) -> None:
    with pytest.raises(TrainingRefused, match=said):
        check_training(TrainSettings(**settings))


def test_defaults_follow_the_size_of_what_is_trained() -> None:
    tiny, small, large = (
        plan_training(TrainSettings(), n, 1, accelerator=True) for n in (10**6, 6 * 10**8, 4 * 10**9)
    )
    assert (tiny.learning_rate, small.learning_rate, large.learning_rate) == (1e-4, 5e-6, 5e-7)
    assert [plan.gradient_checkpointing for plan in (tiny, small, large)] == [False, False, True]
    assert tiny.device_batch >= small.device_batch > large.device_batch
    for plan in (tiny, small, large):
        assert plan.device_batch * plan.accumulation == 32
    assert plan_training(TrainSettings(lora=LoraSettings()), 4 * 10**9, 1, True).learning_rate == 1e-4
    chosen = TrainSettings(learning_rate=3e-6, gradient_checkpointing=True)
    assert plan_training(chosen, 10**6, 1, False).learning_rate == 3e-6
    assert plan_training(chosen, 10**6, 1, False).gradient_checkpointing


def test_a_step_is_the_whole_batch_however_many_devices_share_it() -> None:
    for processes in (1, 2, 4, 8):
        plan = plan_training(TrainSettings(batch_size=24), 10**6, processes, True)
        assert plan.device_batch * plan.accumulation * processes == 24
    with pytest.raises(TrainingRefused, match="5 processes"):
        plan_training(TrainSettings(batch_size=24), 10**6, 5, True)
