"""From a reviewer's key to the next question on the screen, in Chromium, with the server on the same machine.

    python -m benchmarks.review_keys [ANSWERS]

The time begins when the browser has the key and ends when the next question has been painted (the second animation
frame after it was shown); the vote goes to the server beside that. Presses come less than a second apart, faster than
anybody reads. Every answer is looked up in the store afterwards: none may be missing, or another than was pressed.
"""

import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

from review.accounts.identity import COOKIES
from review.questions import choice_of
from review.web.hotkeys import ACTIONS
from store.store import Store
from tests.review.desk_page import DeskPage
from tests.review.questions_for_review import review_run
from tests.review.rich_questions import ARABIC, CHINESE, CODE, HEBREW, LONG, MATHEMATICS
from tests.review.serving import serving

APART_MS: Final = 500
KINDS: Final = (CODE, MATHEMATICS, ARABIC, HEBREW, CHINESE, LONG)
KEYS: Final = {action.key: action.name for action in ACTIONS if action.group == "verdict"}
WATCH: Final = """() => {
    window.times = [];
    const asked = () => document.getElementById("prompt-text").textContent;
    addEventListener("keydown", event => {
        if (!/^[0-5]$/.test(event.key)) return;
        const before = asked(), pressed = event.timeStamp;
        const shown = () => asked() === before
            ? requestAnimationFrame(shown)
            : requestAnimationFrame(() => window.times.push(performance.now() - pressed));
        requestAnimationFrame(shown);
    }, true);
}"""


def measure(answers: int) -> dict[str, object]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    texts = [
        (f"{n}. {asked}", one, other) for n in range(answers) for asked, one, other in [KINDS[n % len(KINDS)]]
    ]
    pressed = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(f"sqlite:///{Path(folder) / 'rlaif.db'}") as store,
        sync_playwright() as playwright,
    ):
        run = review_run(store, texts, batch=20)
        with serving(store) as site:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            context = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 800})
            secret = site.session("reviewer")
            context.add_cookies([{"name": COOKIES[False], "value": secret, "url": site.url}])
            desk = DeskPage(context.new_page()).open()
            desk.page.evaluate(WATCH)
            for number in range(answers):
                key = list(KEYS)[number % len(KEYS)]
                pressed.append(KEYS[key])
                desk.page.keyboard.press(key)
                desk.page.wait_for_timeout(APART_MS)
                if number < answers - 1:
                    desk.settled()
            desk.sent()
            times = desk.page.evaluate("window.times")
            browser.close()
        labels = run.votes("rita", 0, 2 * answers)
        said = [choice_of(label.value, swapped=label.swapped) for label in labels]
    cuts = statistics.quantiles(times, n=20)
    return {
        "answers": answers,
        "kept_as_pressed": said == pressed,
        "median_ms": round(statistics.median(times), 1),
        "p95_ms": round(cuts[-1], 1),
        "longest_ms": round(max(times), 1),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]) if sys.argv[1:] else 200), indent=2) + "\n")
