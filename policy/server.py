"""Answers drawn by an OpenAI-compatible server that is started for one policy revision, such as vLLM.

One request an answer, each with its own seed; so it does not matter whether a server knows `n`. A field that a
server refuses (some know no `seed`) is left out from then on. Requests that fail in passing are asked again.

Whether the same seed gives the same answer again is up to the server. Answers carry no log-probabilities: servers
report those of the tempered distribution, or none.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from openai import APIConnectionError, APIStatusError, AsyncOpenAI, BadRequestError, UnprocessableEntityError
from openai.types.chat import ChatCompletion
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential
from transformers import AutoTokenizer

from policy.draws import sample_seed, settings_hash
from policy.errors import ServerFailed
from policy.server_process import ServerProcess
from policy.settings import SamplerSettings
from store.records import Prompt, Purpose, Sample

_WINDOW = 1024
_ATTEMPTS = 6
_REQUEST_S = 600.0


class ServerSampler:
    """A `policy.contract.Sampler` by a server for the folder `path`; use it as a context manager.

    `template_arguments` go to the chat template, for servers that pass them on. Raises `ServerFailed` where the
    server does not start within `serve_timeout_s`, dies, or refuses requests, with the tail of its log.
    """

    def __init__(
        self,
        revision: str,
        path: Path,
        settings: SamplerSettings,
        template_arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self._revision = revision
        self._settings = settings
        self._hash = settings_hash(settings)
        self._server = ServerProcess(path, settings.serve_command or "", settings.serve_timeout_s)
        self._fields: dict[str, Any] = {"top_p": settings.top_p}
        if template_arguments:
            self._fields["extra_body"] = {"chat_template_kwargs": dict(template_arguments)}
        self._takes_seed = True

    @property
    def revision(self) -> str:
        return self._revision

    def __enter__(self) -> Self:
        self._tokenizer = AutoTokenizer.from_pretrained(self._server.path)
        self._server.__enter__()
        self._runner = asyncio.Runner()
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(_REQUEST_S, connect=10.0), trust_env=False)
        self._client = AsyncOpenAI(
            base_url=f"{self._server.url}/v1",
            api_key="none",
            max_retries=0,
            # openai 3 is typed for httpx2 and takes a client of httpx just as well.
            http_client=self._http,  # type: ignore[arg-type]
        )
        self._model = self._server.served_name()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._runner.run(self._http.aclose())
            self._runner.close()
        finally:
            self._server.close()

    def sample(
        self, prompts: Iterable[Prompt], k: int, seed: int, *, round: int = 0, purpose: Purpose = "train"
    ) -> Iterator[Sample]:
        """`k` samples of each prompt, window by window. Raises `ServerFailed` where one cannot be had."""
        rest = iter(prompts)
        while window := list(islice(rest, _WINDOW)):
            yield from self._runner.run(self._window(window, k, seed, round, purpose))

    async def _window(
        self, prompts: list[Prompt], k: int, seed: int, round: int, purpose: Purpose
    ) -> list[Sample]:
        slots = asyncio.Semaphore(self._settings.concurrency)

        async def one(prompt: Prompt, index: int) -> Sample:
            drawn_with = sample_seed(seed, round, purpose, prompt.id, index)
            async with slots:
                choice = (await self._complete(prompt, drawn_with)).choices[0]
            text = choice.message.content or ""
            return Sample(
                prompt_id=prompt.id,
                policy=self.revision,
                round=round,
                purpose=purpose,
                index=index,
                seed=drawn_with,
                settings=self._hash,
                text=text,
                tokens=len(self._tokenizer(text, add_special_tokens=False)["input_ids"]),
                finish_reason="length" if choice.finish_reason == "length" else "stop",
            )

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(prompt, index)) for prompt in prompts for index in range(k)]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _complete(self, prompt: Prompt, seed: int) -> ChatCompletion:
        attempts = AsyncRetrying(
            retry=retry_if_exception(self._may_pass),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.2, max=10.0),
            reraise=True,
        )
        try:
            return await attempts(self._ask, prompt, seed)
        except (APIConnectionError, APIStatusError) as error:
            raise ServerFailed(
                f"The server for {self._server.path} gave no answer to prompt {prompt.id}: {error}. The end of its "
                f"log:\n{self._server.log_tail}"
            ) from error

    async def _ask(self, prompt: Prompt, seed: int) -> ChatCompletion:
        """One request; again without what the server turns out to refuse and no setting needs."""
        while True:
            fields = self._fields | ({"seed": seed % 2**31} if self._takes_seed else {})
            try:
                completion: ChatCompletion = await self._client.chat.completions.create(
                    model=self._model,
                    messages=[{"role": m.role, "content": m.content} for m in prompt.messages],  # type: ignore[misc]
                    temperature=self._settings.temperature,
                    max_tokens=self._settings.max_new_tokens,
                    **fields,
                )
                return completion
            except (BadRequestError, UnprocessableEntityError) as error:
                if "seed" in str(error) and "seed" in fields:
                    self._takes_seed = False
                elif "top_p" in str(error) and fields.get("top_p") == 1.0:
                    self._fields.pop("top_p", None)
                else:
                    raise

    def _may_pass(self, error: BaseException) -> bool:
        """Whether asking again can help: the server is up, and busy or hiccuping."""
        if not self._server.alive:
            return False
        if isinstance(error, APIStatusError):
            return error.status_code in {408, 409, 425, 429} or error.status_code >= 500
        return isinstance(error, APIConnectionError)
