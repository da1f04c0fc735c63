"""A request that is broken off at any moment leaves no socket behind."""

import asyncio
import gc
import warnings

import pytest

from judge.api.wire import PooledWire
from judge.rehearsal.fault_plan import FaultPlan
from judge.rehearsal.fault_server import running


@pytest.mark.filterwarnings("error::ResourceWarning")
def test_a_request_that_is_broken_off_while_it_connects_loses_no_socket() -> None:
    async def break_off(url: str) -> list[warnings.WarningMessage]:
        wire = PooledWire(url, "none")
        with warnings.catch_warnings(record=True) as lost:
            warnings.simplefilter("always", ResourceWarning)
            for turns in range(16):
                asked = [asyncio.create_task(wire.post("/chat/completions", b"{}")) for _ in range(3)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                for task in asked:
                    task.cancel()
                await asyncio.gather(*asked, return_exceptions=True)
                gc.collect()
            answer = await wire.post("/chat/completions", b"{}")
            assert answer.status == 400
            await wire.close()
            gc.collect()
        return [warning for warning in lost if issubclass(warning.category, ResourceWarning)]

    with running(FaultPlan()) as (url, _):
        assert asyncio.run(break_off(url)) == []
