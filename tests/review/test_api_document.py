"""The page on the API: every operation is on it, and its examples run as they stand, against a real server."""

import os
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from review.accounts.journal import Actor
from review.accounts.roles import SCOPES
from review.api.app import create_api
from review.api.openapi import operations
from store.records import StageMarker
from tests.review.questions_for_review import plain, review_run
from tests.review.serving import Served

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def test_every_operation_is_on_the_page_and_no_other() -> None:
    told = set(re.findall(r"`(GET|POST|PUT|DELETE) (/v1/[^`]+)`", PAGE.read_text()))
    there = {(one.method, one.path) for one in operations(create_api(None))}  # type: ignore[arg-type]
    assert told == there


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="the examples need curl and jq")
def test_the_examples_run_in_their_order(served: Served, tmp_path: Path) -> None:
    run = review_run(served.store, plain(12), "people", batch=1)
    run.mark(StageMarker(round=1, stage="sample", seconds=1.0, counts={"samples": 24}))
    account = served.account("lead")
    token = served.desk.tokens.make(account, "page", SCOPES, timedelta(days=1), Actor(account.name))[1]
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    script = "\n".join(blocks).replace("http://127.0.0.1:8000", served.url)
    (tmp_path / ".curlrc").write_text("fail-with-body\nshow-error\n")
    environment = {**os.environ, "TOKEN": token, "CURL_HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    told = done.stdout.splitlines()
    assert told.count("idempotent-replayed: true") == 1
    assert told[-1] == '"withdrawn"'
