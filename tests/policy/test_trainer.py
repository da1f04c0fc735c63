"""The trainer's processes: resumed after a SIGKILL to the same policy, repeated for free, never left behind."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import policy
from policy.contract import TrainJob
from policy.errors import PolicyRefused, TrainingFailed, TrainingRefused
from policy.guarded import end_process, start_guarded, tail
from policy.job_files import work_folder
from policy.metrics_file import read_lines
from policy.settings import PolicySettings, TrainSettings
from policy.train_process import JobProcess
from policy.trainer import DpoTrainer, finished

ROOT = Path(policy.__file__).resolve().parent.parent


@pytest.fixture
def make_job(tiny_folder: Callable[[str], Path], tmp_path: Path) -> Callable[..., TrainJob]:
    pairs = tmp_path / "pairs.jsonl"
    with pairs.open("w") as file:
        for n in range(37):
            row = {"prompt": [{"role": "user", "content": f"What is the capital, {n}?"}],
                   "chosen": [{"role": "assistant", "content": "Paris " * (1 + n % 5)}],
                   "rejected": [{"role": "assistant", "content": "Monday " * (1 + n % 3)}]}  # fmt: skip
            file.write(json.dumps(row) + "\n")

    def make(name: str = "out", **train: object) -> TrainJob:
        return TrainJob(
            policy=PolicySettings(model="tiny", device="cpu"),
            train=TrainSettings(**({"batch_size": 8, "epochs": 2.0, "learning_rate": 1e-3} | train)),
            model_path=tiny_folder("llama"),
            parent="rev_parent",
            pairs_file=pairs,
            output_dir=tmp_path / name,
            metrics_file=tmp_path / f"{name}.jsonl",
            tensorboard_dir=tmp_path / f"{name}.board",
            round=3,
            seed=11,
        )

    return make


def unheard(_step: int, _steps: int) -> None:
    pass


def trained_again(_step: int, _steps: int) -> None:
    pytest.fail("a finished job was trained again")


def until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "gave up waiting"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    # A zombie: killed, and waiting for whoever adopted it to take notice.
    return state == "Z"


def test_settings_and_policies_that_cannot_be_used_are_refused_before_a_process_starts(
    make_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    with DpoTrainer() as trainer:
        with pytest.raises(TrainingRefused, match="sigmoid"):
            trainer.train(make_job(loss="sigmoids"), unheard)
        job = make_job()
        (tmp_path / "empty").mkdir()
        with pytest.raises(PolicyRefused, match=r"config\.json"):
            trainer.train(job.model_copy(update={"model_path": tmp_path / "empty"}), unheard)
        assert trainer._ready is None
    assert not finished(job)


@pytest.mark.slow
def test_a_job_killed_midway_goes_on_to_the_same_policy(make_job: Callable[..., TrainJob]) -> None:
    settings = {"epochs": 12.0, "save_steps": 7, "device_batch_size": 4}
    whole, killed = make_job("whole", **settings), make_job("killed", **settings)
    seen: list[tuple[int, int]] = []
    with DpoTrainer() as trainer:
        expected = trainer.train(whole, lambda step, steps: seen.append((step, steps)))
        assert seen[-1] == (60, 60)
        assert [step for step, _ in seen] == sorted({step for step, _ in seen})

        work = work_folder(killed)
        work.mkdir()
        (work / "job.json").write_text(killed.model_dump_json())
        process = JobProcess([], work / "job.json", work / "train.log", "cpu")
        until(lambda: len(read_lines(killed.metrics_file)) >= 17)
        process.close()
        assert not finished(killed)

        result = trainer.train(killed, unheard)
    assert result.counts["resumed_at_step"] >= 14
    assert result.checkpoint.sha256 == expected.checkpoint.sha256
    assert not work.exists()
    whole_lines, killed_lines = read_lines(whole.metrics_file), read_lines(killed.metrics_file)
    assert [line["step"] for line in killed_lines] == list(range(1, 61))
    assert [line["loss"] for line in killed_lines] == [line["loss"] for line in whole_lines]
    assert result.checkpoint.parent == "rev_parent"
    assert result.checkpoint.round == 3
    assert list(killed.tensorboard_dir.glob("events.out.tfevents.*"))  # type: ignore[union-attr]
    assert (3, "rewards/margins") in {(step, name) for step, name, _ in result.metrics}


@pytest.mark.slow
def test_a_finished_job_is_returned_at_once_and_another_one_is_not(make_job: Callable[..., TrainJob]) -> None:
    job = make_job(epochs=1.0)
    with DpoTrainer() as trainer:
        first = trainer.train(job, unheard)
        made = (job.output_dir / "model.safetensors").stat().st_mtime_ns
        again = trainer.train(job, trained_again)
        assert again.checkpoint.id == first.checkpoint.id
        assert again.counts == first.counts
        assert again.metrics == first.metrics
        assert (job.output_dir / "model.safetensors").stat().st_mtime_ns == made
        other = trainer.train(make_job(epochs=1.0, beta=0.5), unheard)
        assert other.checkpoint.id != first.checkpoint.id


@pytest.mark.slow
def test_a_job_that_fails_says_why_and_leaves_the_trainer_usable(make_job: Callable[..., TrainJob]) -> None:
    job = make_job(epochs=1.0)
    broken = make_job("broken", max_length=8)
    with DpoTrainer() as trainer:
        with pytest.raises(TrainingFailed, match="none is within") as caught:
            trainer.train(broken, unheard)
        assert "TrainingRefused" in caught.value.log_tail
        trainer.train(job, unheard)
    with pytest.raises(TrainingFailed, match="no-such-launcher"):
        DpoTrainer().train(make_job("third", launcher=["no-such-launcher"]), unheard)


@pytest.mark.slow
def test_two_processes_train_what_one_does(make_job: Callable[..., TrainJob]) -> None:
    alone = make_job("alone", epochs=1.0, device_batch_size=4)
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2",
                "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no",
                "--main_process_port", "29571"]  # fmt: skip
    together = make_job("together", epochs=1.0, device_batch_size=4, launcher=launcher)
    with DpoTrainer() as trainer:
        trainer.train(alone, unheard)
        result = trainer.train(together, unheard)
    assert result.counts["steps"] == 5
    one, two = read_lines(alone.metrics_file), read_lines(together.metrics_file)
    assert len(two) == 5
    assert two[0]["loss"] == pytest.approx(one[0]["loss"], abs=1e-5)
    assert two[-1]["loss"] < two[0]["loss"]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_guarded_command_ends_with_whoever_started_it(tmp_path: Path, end: signal.Signals) -> None:
    pid_file = tmp_path / "pid"
    command = ["sh", "-c", f"echo $$ > {pid_file}; exec sleep 600"]
    code = (
        "import time; from pathlib import Path; from policy.guarded import start_guarded; "
        f"process = start_guarded({command!r}, Path({str(tmp_path / 'log')!r})); time.sleep(600)"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    until(lambda: pid_file.exists() and pid_file.read_text().strip() != "")
    starter.send_signal(end)
    starter.wait()
    pid = int(pid_file.read_text())
    until(lambda: gone(pid))
    assert gone(pid)


def test_ending_a_command_ends_what_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    process = start_guarded(["sh", "-c", f"sleep 600 & echo $! > {pid_file}; wait"], tmp_path / "log")
    until(lambda: pid_file.exists() and pid_file.read_text().strip() != "")
    end_process(process)
    pid = int(pid_file.read_text())
    until(lambda: gone(pid))
    assert gone(pid)


def test_a_command_asked_to_end_has_time_to(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = start_guarded(
        ["sh", "-c", "trap 'echo leaving; exit 0' TERM; echo up; while :; do sleep 0.1; done"], log
    )
    until(lambda: "up" in tail(log))
    end_process(process, grace_s=20.0)
    assert tail(log).splitlines()[-1] == "leaving"


def test_the_guard_passes_the_exit_code_on(tmp_path: Path) -> None:
    process = start_guarded(["sh", "-c", "echo said; exit 7"], tmp_path / "log")
    assert process.wait() == 7
    assert tail(tmp_path / "log") == "said"
    end_process(process)


@pytest.mark.slow
def test_a_process_kept_ready_ends_with_whoever_keeps_it() -> None:
    code = (
        "import time; from policy.train_process import ReadyProcess; "
        "process = ReadyProcess(); print(process._process.pid, flush=True); time.sleep(600)"
    )
    keeper = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert keeper.stdout is not None
    pid = int(keeper.stdout.readline())
    keeper.kill()
    keeper.wait()
    keeper.stdout.close()
    until(lambda: gone(pid))
