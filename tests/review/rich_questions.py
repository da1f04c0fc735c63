"""Questions of every kind that a reviewer meets: code, formulas, tables, languages that run to the left, long texts."""

from prompts.prompt import Message
from tests.review.questions_for_review import Texts

CODE = (
    "Write a Python function that returns the n-th Fibonacci number, and say how long it takes.",
    """Keep the last two numbers and walk up:

```python
def fibonacci(n: int) -> int:
    \"\"\"The n-th Fibonacci number, counted from 0.\"\"\"
    before, now = 0, 1
    for _ in range(n):
        before, now = now, before + now
    return before
```

It takes **n additions** and keeps two numbers, so its time is $O(n)$ for numbers that fit into a word. The closed form

$$F_n = \\frac{\\varphi^n - (-\\varphi)^{-n}}{\\sqrt{5}}, \\qquad \\varphi = \\frac{1 + \\sqrt{5}}{2}$$

is shorter, and wrong from about $n = 71$ on when it is computed with ordinary floats.""",
    """Here is a function:

```python
def fibonacci(n):
    if n < 2:
        return n
    return fibonacci(n - 1) + fibonacci(n - 2)
```

It is **very fast**, because recursion is efficient. It takes $O(n)$ time.

- It works for all `n`
- It is easy to read
- See [the documentation](https://docs.example.org/fibonacci) for more""",
)
MATHEMATICS = (
    "Why is the harmonic series infinite?",
    """Group its terms so that every group is at least one half:

\\[ 1 + \\frac12 + \\left(\\frac13 + \\frac14\\right) + \\left(\\frac15 + \\cdots + \\frac18\\right) + \\cdots \\]

The group that ends at $1/2^k$ has $2^{k-1}$ terms, each at least $1/2^k$, so it is at least $\\tfrac12$. There \
are infinitely many groups, so $\\sum_{n=1}^{\\infty} \\frac1n$ grows beyond every bound.""",
    """Because $\\int_1^{\\infty} \\frac{dx}{x} = \\ln x \\big|_1^{\\infty} = \\infty$, and the sum lies \
above the integral:

$$\\sum_{n=1}^{N} \\frac1n \\;\\ge\\; \\int_1^{N+1} \\frac{dx}{x} = \\ln(N+1).$$

| N | sum | ln(N + 1) |
|---:|---:|---:|
| 10 | 2.93 | 2.40 |
| 1,000 | 7.49 | 6.91 |
| 1,000,000 | 14.39 | 13.82 |""",
)
ARABIC = (
    "كيف أحضّر الشاي بالنعناع؟ أحتاج إلى وصفة قصيرة.",
    """أحضر الماء إلى درجة الغليان (100 °C)، ثم:

1. ضع ملعقتين من الشاي الأخضر في الإبريق.
2. أضف **حزمة نعناع** طازج وسكرًا حسب الذوق.
3. اتركه خمس دقائق ثم صبّه من ارتفاع.

يسمّى بالإنجليزية *mint tea*.""",
    "اشترِ كيس شاي بالنعناع من المتجر وضعه في الماء الساخن.",
)
HEBREW = (
    "מה ההבדל בין רשימה ל-tuple בפייתון?",
    "רשימה (`list`) ניתנת לשינוי, ו-`tuple` לא. לכן אפשר להשתמש ב-`tuple` כמפתח במילון:\n\n"
    '```python\nplaces = {(52.5, 13.4): "Berlin"}\n```',
    "אין הבדל גדול. `tuple` נכתב בסוגריים עגולים ו-`list` בסוגריים מרובעים.",
)
CHINESE = (
    "請用三句話向十歲的孩子解釋為什麼天空是藍色的。",
    "陽光看起來是白色的，其實裡面有彩虹的所有顏色。光穿過空氣時，藍色的光最容易被小小的空氣分子彈到四面八方。"
    "所以不管你看向天空的哪裡，都會有藍光跑進你的眼睛。",
    "天空是藍色的，因為它反射了海洋的顏色。",
)
TALK = (
    (
        Message(
            role="system", content="You are a calm assistant for a bicycle workshop. Answer in a few lines."
        ),
        Message(role="user", content="My chain keeps falling off when I shift to the smallest ring."),
        Message(
            role="assistant", content="Does it fall to the inside, towards the frame, or to the outside?"
        ),
        Message(role="user", content="To the inside, nearly always when I shift under load."),
    ),
    "Then the **low limit screw** (L) of the front derailleur lets the cage go too far in. Shift to the smallest ring "
    "at the front and the largest at the back, and turn L clockwise by a quarter turn until the cage stands 1–2 mm "
    "from the chain. And ease off the pedals for the moment of the shift.",
    "You should buy a new chain. Chains wear out, and a worn chain falls off. New chains cost between 15 and 60 euros.",
)
LONG = (
    "Here are my notes of the meeting. Please make a summary of five lines.\n\n"
    + "\n".join(
        f"- {9 + n // 6}:{n % 6}0 Point {n + 1}: part {n + 1} of the plan, who does it, and by when."
        for n in range(30)
    ),
    "\n\n".join(
        f"### Part {n}\n\nThe group agreed on part {n} of the plan. It is done by the second week, and whoever is late "
        "says so in the morning. The costs stay as they are, and the next meeting looks at them again."
        for n in range(1, 41)
    ),
    "The group went through thirty parts of a plan. Each part has somebody who does it and a date. Costs stay as they "
    "are. Whoever is late says so. The next meeting looks at all of it again.",
)
BARE = ("Say nothing at all.", "", "   ")

RICH: list[Texts] = [CODE, MATHEMATICS, ARABIC, HEBREW, CHINESE, TALK, LONG, BARE]
