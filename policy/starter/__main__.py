"""`python -m policy.starter`: build the starter where it is not cached, and say where it is."""

import sys
import time

from policy.starter.build import ensure_starter


def main() -> None:
    start = time.perf_counter()
    folder = ensure_starter(progress=_show)
    sys.stdout.write(f"{folder}\n{time.perf_counter() - start:.0f} s\n")


def _show(step: int, steps: int) -> None:
    if step % 100 == 0 or step == steps:
        sys.stdout.write(f"step {step} of {steps}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
