"""What endpoints take is kept by endpoint and model, and the last finding counts."""

from store.judge_endpoints import JudgeEndpoints
from store.store import Store


def test_the_last_finding_about_an_endpoint_and_model_counts(store: Store) -> None:
    endpoints = JudgeEndpoints(store.database)
    assert endpoints.find("http://127.0.0.1/v1", "one") is None
    endpoints.keep("http://127.0.0.1/v1", "one", {"n": False})
    endpoints.keep("http://127.0.0.1/v1", "two", {"n": False})
    last = endpoints.keep("http://127.0.0.1/v1", "one", {"n": True, "top_logprobs": 20})
    assert endpoints.find("http://127.0.0.1/v1", "one") == last
    assert last.found == {"n": True, "top_logprobs": 20}
    other = endpoints.find("http://127.0.0.1/v1", "two")
    assert other is not None
    assert other.found == {"n": False}
    assert endpoints.find("http://127.0.0.1/v2", "one") is None
