"""What every request and answer of the API is made of: strict on the way in, plain JSON on the way out.

An answer is written in ASCII, with everything else escaped: what a model said may hold half a surrogate pair, which
JSON can carry and UTF-8 cannot. A number that JSON does not know (NaN, infinity) is null.
"""

import json
import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import JSONResponse

MAX_REASON = 4000
"""Characters of a reason: a paragraph, not a file."""

RunName = Annotated[str, Field(description="The run's name.", max_length=200)]
Reason = Annotated[str, StringConstraints(max_length=MAX_REASON)]
UnitId = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Shape(BaseModel):
    """The base of requests and answers: unknown keys are refused, nothing is changed afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AnyJson(JSONResponse):
    """JSON in ASCII."""

    def render(self, content: Any) -> bytes:
        try:
            text = json.dumps(content, allow_nan=False, separators=(",", ":"))
        except ValueError:
            text = json.dumps(_finite(content), allow_nan=False, separators=(",", ":"))
        return text.encode("ascii")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
