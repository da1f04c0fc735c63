"""What the demonstration must show, read off its summary: exit code 1 and a sentence where it does not."""

import json
import sys
from pathlib import Path

summary = json.loads(Path(sys.argv[1]).read_text())
rounds = summary["rounds"]
promoted = [r for r in rounds if r["decision"] == "promote"]
faults = []
# The weights, and so the story's length, differ a little between kinds of processors; sixty labels miss a true gain now
# and then, and the run then tries once more.
if not promoted or not promoted[0]["audited"]:
    faults.append("no round was promoted on audited evidence")
else:
    first = promoted[0]
    if first["true_score"]["candidate"] < first["true_score"]["incumbent"] + 0.1:
        faults.append(f"the promoted policy is not clearly better: {first['true_score']}")
    later = [r for r in rounds if r["index"] > first["index"]]
    if not any(r["judge_only_decision"] == "promote" and r["decision"] == "keep" for r in later):
        faults.append("no later round was kept out that the judge alone would have promoted")
if not Path(sys.argv[1]).with_name("report.html").stat().st_size > 10_000:
    faults.append("the report is empty")
for fault in faults:
    print(fault, file=sys.stderr)  # noqa: T201
sys.exit(bool(faults))
