"""A run that somebody asked for is played by whoever takes it, and a dead taker's is taken again."""

import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import loop.requested
from loop.cli import main
from loop.errors import RunBusy
from loop.requested import play_oldest
from loop.summary import RunSummary, summarise
from policy.starter.build import ensure_starter
from store.run_requests import RunRequests
from store.store import Store


@pytest.fixture
def desk(synthetic: Callable[..., Any]) -> RunRequests:
    run = synthetic()
    run.play(1, 1.0, 0.0)
    return RunRequests(run.store.database)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store_url: str) -> list[tuple[Any, ...]]:
    """What the loop was asked to play; nothing is: the run `demo` is summed up instead."""
    calls: list[tuple[Any, ...]] = []

    def stand_in(config: Any, *, name: str, rounds: int | None, progress: Any) -> RunSummary:
        del progress
        calls.append((config, name, rounds))
        with Store.open(store_url) as store:
            return summarise(store.run("demo"), tmp_path / "demo")

    monkeypatch.setattr(loop.requested, "run", stand_in)
    return calls


def test_the_oldest_request_is_played_with_the_stored_configuration_and_its_outcome_kept(
    desk: RunRequests, played: list[tuple[Any, ...]], store_url: str, tmp_path: Path
) -> None:
    new = desk.ask("demo", "lea", name="again")
    more = desk.ask("demo", "lea", rounds=9)
    with Store.open(store_url) as store:
        first = play_oldest(store, store_url, tmp_path)
        second = play_oldest(store, None, tmp_path)
        assert play_oldest(store, None, tmp_path) is None
    assert first is not None
    assert second is not None
    assert [first[0].id, second[0].id] == [new.id, more.id]
    assert [call[1:] for call in played] == [("again", None), ("demo", 9)]
    config = played[0][0]
    assert (config.seed, config.output, config.store.url) == (7, tmp_path, store_url)
    ended = desk.request(new.id)
    assert ended.state == "done"
    assert "policy rev_" in ended.outcome
    assert ended.taken_by == f"{socket.gethostname()}:{os.getpid()}"


def test_a_store_named_by_the_environment_leaves_no_password_in_the_configuration(
    desk: RunRequests,
    played: list[tuple[Any, ...]],
    store_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk.ask("demo", "lea", name="again")
    monkeypatch.setenv("RLAIF_STORE", store_url)
    with Store.open(store_url) as store:
        play_oldest(store, store_url, tmp_path)
    assert (played[0][0].store.url, played[0][0].store.url_env) == (None, "RLAIF_STORE")
    assert played[0][0].store_url == store_url


def test_a_request_that_cannot_be_played_fails_with_the_reason_and_the_next_one_is_free(
    desk: RunRequests, store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = desk.ask("demo", "lea", name="a name with spaces")
    where = ["--store", store_url, "--output", str(tmp_path)]
    assert main(["run", "--requested", *where]) == 3
    assert "use 1 to 64 letters" in desk.request(bad.id).outcome
    assert desk.request(bad.id).state == "failed"
    capsys.readouterr()
    assert main(["run", "--requested", *where]) == 0
    assert "No run that was asked for waits" in capsys.readouterr().out
    assert main(["runs", "requested", "--all", *where]) == 0
    assert "failed" in capsys.readouterr().out


@pytest.mark.usefixtures("played")
def test_a_run_that_another_process_plays_is_left_for_later_and_the_next_is_tried(
    desk: RunRequests, store_url: str, tmp_path: Path, monkeypatch: Any
) -> None:
    busy = desk.ask("demo", "lea", rounds=9)
    free = desk.ask("demo", "lea", name="again")
    stand_in = loop.requested.run

    def one_is_busy(config: Any, *, name: str, **more: Any) -> RunSummary:
        if name == "demo":
            raise RunBusy("it goes on elsewhere")
        return stand_in(config, name=name, **more)

    monkeypatch.setattr(loop.requested, "run", one_is_busy)
    with Store.open(store_url) as store:
        done = play_oldest(store, None, tmp_path)
    assert done is not None
    assert done[0].id == free.id
    assert desk.request(busy.id) == busy


@pytest.mark.usefixtures("played")
def test_a_request_whose_taker_was_killed_is_taken_again_and_not_before(
    desk: RunRequests, store_url: str, tmp_path: Path
) -> None:
    asked = desk.ask("demo", "lea", name="again")
    script = """
    import sys, time
    from pathlib import Path
    import loop.requested
    from store.store import Store
    def wait(*_, **__):
        print("playing", flush=True)
        time.sleep(600)
    loop.requested.run = wait
    with Store.open(sys.argv[1]) as store:
        loop.requested.play_oldest(store, None, Path(sys.argv[2]))
    """
    taker = [sys.executable, "-c", textwrap.dedent(script), store_url, str(tmp_path)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(taker, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "playing\n"
            assert desk.request(asked.id).taken_by == f"{socket.gethostname()}:{process.pid}"
            with Store.open(store_url) as store:
                assert play_oldest(store, None, tmp_path) is None
        finally:
            process.kill()
    with Store.open(store_url) as store:
        again = play_oldest(store, None, tmp_path)
    assert again is not None
    assert (again[0].id, again[0].state) == (asked.id, "done")


@pytest.mark.usefixtures("played")
def test_what_a_process_of_another_machine_took_is_left_to_it(
    desk: RunRequests, store_url: str, tmp_path: Path
) -> None:
    held = desk.take(desk.ask("demo", "lea", name="again"), "elsewhere:1")
    assert held is not None
    with Store.open(store_url) as store:
        assert play_oldest(store, None, tmp_path) is None
    assert desk.request(held.id) == held


def test_an_interruption_gives_the_request_back(
    desk: RunRequests, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = desk.ask("demo", "lea", name="again")

    def interrupted(*_: object, **__: object) -> RunSummary:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop.requested, "run", interrupted)
    assert main(["run", "--requested", "--store", store_url, "--output", str(tmp_path)]) == 130
    assert desk.request(asked.id) == asked


@pytest.mark.parametrize("words", [["run"], ["run", "--requested", "--rounds", "2"]])
def test_run_wants_a_configuration_or_a_request_and_not_both(words: list[str]) -> None:
    assert main(words) == 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_request_is_played_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[2]
    settings = (
        f"policy.model={ensure_starter(steps=30)}", "rounds=1", "prompts.max_train=48", "prompts.max_heldout=48",
        "judge.min_label_mass=0", "pairs.min_confidence=0.5001", "gate.labels=30", "gate.patience=9",
    )  # fmt: skip
    sets = [word for setting in settings for word in ("--set", setting)]
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(root / "configs" / "starter.yaml"), "--name", "mine", *sets]) == 0
    with Store.open("sqlite:///runs/rlaif.db") as store:
        RunRequests(store.database).ask("mine", "lea", rounds=2)
    assert main(["run", "--requested"]) == 0
    with Store.open("sqlite:///runs/rlaif.db") as store:
        assert store.run("mine").marker(2, "gate") is not None
        assert [one.state for one in RunRequests(store.database).requests()] == ["done"]
