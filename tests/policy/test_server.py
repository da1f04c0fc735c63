"""Sampling by a server: a small real one with the manners of several, and `transformers serve`."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from policy.draws import sample_seed
from policy.errors import PolicyRefused, ServerFailed
from policy.server import ServerSampler
from policy.settings import SamplerSettings
from store.records import Prompt

SERVER = """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

path, port, manner = sys.argv[1], int(sys.argv[2]), sys.argv[3]
seen = []

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if manner == "no-health" and self.path == "/health":
            return self.reply(500, {})
        self.reply(200, {"data": [{"id": "served-name"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        seen.append(body)
        if manner == "no-seed" and "seed" in body:
            return self.reply(400, {"error": {"message": "unknown field: seed"}})
        if manner == "busy" and len(seen) % 2:
            return self.reply(503, {"error": {"message": "try again"}})
        if manner == "no-model":
            return self.reply(404, {"error": {"message": "no such model"}})
        if manner == "dies":
            print("the device fell off", flush=True)
            import os; os._exit(3)
        said = json.dumps({k: body.get(k) for k in ("model", "seed", "temperature", "top_p", "max_tokens",
                                                    "chat_template_kwargs")})
        self.reply(200, {"id": "1", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [
            {"index": 0, "message": {"role": "assistant", "content": said},
             "finish_reason": "length" if manner == "long" else "stop"}]})

    def log_message(self, *args):
        pass

if manner == "stillborn":
    sys.exit("no device to run on")
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def make_sampler(tmp_path: Path, tiny_folder: Callable[[str], Path]) -> Callable[..., ServerSampler]:
    script = tmp_path / "server.py"
    script.write_text(SERVER)

    def make(manner: str, template_arguments: dict[str, object] | None = None) -> ServerSampler:
        command = f"{shlex.quote(sys.executable)} {shlex.quote(str(script))} {{path}} {{port}} {manner}"
        settings = SamplerSettings(
            kind="server", serve_command=command, concurrency=4, temperature=0.7, top_p=0.9, max_new_tokens=33,
            serve_timeout_s=60.0,
        )  # fmt: skip
        return ServerSampler("rev_x", tiny_folder("llama"), settings, template_arguments)

    return make


def test_each_answer_is_asked_for_with_the_settings_and_its_own_seed(
    make_sampler: Callable[..., ServerSampler], prompts: list[Prompt]
) -> None:
    with make_sampler("plain", {"enable_thinking": False}) as sampler:
        samples = list(sampler.sample(iter(prompts), 3, 5, round=2, purpose="gate"))
    assert [(s.prompt_id, s.index) for s in samples] == [(p.id, i) for p in prompts for i in range(3)]
    for sample in samples:
        seed = sample_seed(5, 2, "gate", sample.prompt_id, sample.index)
        assert sample.seed == seed
        assert sample.text == (
            f'{{"model": "served-name", "seed": {seed % 2**31}, "temperature": 0.7, "top_p": 0.9, "max_tokens": 33, '
            '"chat_template_kwargs": {"enable_thinking": false}}'
        )
        assert (sample.policy, sample.round, sample.purpose) == ("rev_x", 2, "gate")
        assert sample.finish_reason == "stop"
        assert sample.tokens > 10
        assert sample.logprob is None


def test_a_server_that_knows_no_seed_and_one_that_is_busy_are_coped_with(
    make_sampler: Callable[..., ServerSampler], prompts: list[Prompt]
) -> None:
    for manner in ("no-seed", "busy", "no-health"):
        with make_sampler(manner) as sampler:
            samples = list(sampler.sample(prompts[:3], 2, 0))
            samples += list(sampler.sample(prompts[:3], 2, 0))
        assert len(samples) == 12
        assert ('"seed": null' in samples[0].text) == (manner == "no-seed")


def test_an_answer_that_was_cut_is_marked_so(
    make_sampler: Callable[..., ServerSampler], prompts: list[Prompt]
) -> None:
    with make_sampler("long") as sampler:
        assert {s.finish_reason for s in sampler.sample(prompts[:2], 2, 0)} == {"length"}


def test_a_server_that_refuses_or_dies_is_an_error_with_its_log(
    make_sampler: Callable[..., ServerSampler], prompts: list[Prompt]
) -> None:
    with pytest.raises(ServerFailed, match="no such model"), make_sampler("no-model") as sampler:
        list(sampler.sample(prompts[:1], 2, 0))
    with pytest.raises(ServerFailed, match="the device fell off"), make_sampler("dies") as sampler:
        list(sampler.sample(prompts[:1], 2, 0))
    with pytest.raises(ServerFailed, match="no device to run on"):
        make_sampler("stillborn").__enter__()


def test_a_command_without_path_and_port_is_refused(tiny_folder: Callable[[str], Path]) -> None:
    settings = SamplerSettings(kind="server", serve_command="vllm serve {path}")
    with pytest.raises(PolicyRefused, match=r"\{port\}"):
        ServerSampler("rev_x", tiny_folder("llama"), settings).__enter__()


@pytest.mark.serve
def test_transformers_serve_answers_as_the_policy(
    tiny_folder: Callable[[str], Path], prompts: list[Prompt]
) -> None:
    serve = Path(sys.executable).with_name("transformers")
    settings = SamplerSettings(
        kind="server", max_new_tokens=6, concurrency=2, serve_timeout_s=120.0,
        serve_command=f"{shlex.quote(str(serve))} serve {{path}} --device cpu --port {{port}}",
    )  # fmt: skip
    with ServerSampler("rev_x", tiny_folder("llama"), settings) as sampler:
        samples = list(sampler.sample(prompts[:2], 2, 0))
    assert [(s.prompt_id, s.index) for s in samples] == [(p.id, i) for p in prompts[:2] for i in range(2)]
    assert {s.finish_reason for s in samples} <= {"stop", "length"}
    assert all(s.text for s in samples)
