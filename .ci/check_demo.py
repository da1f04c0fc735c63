"""What the demonstration must show, read off its summary: exit code 1 and a sentence where it does not."""

import json
import sys
from pathlib import Path

summary = json.loads(Path(sys.argv[1]).read_text())
rounds = summary["rounds"]
first = rounds[0]
faults = []
if first["decision"] != "promote" or not first["audited"]:
    faults.append("round 1 was not promoted on audited evidence")
if first["true_score"]["candidate"] < first["true_score"]["incumbent"] + 0.1:
    faults.append(f"round 1 is not clearly better: {first['true_score']}")
if not any(r["judge_only_decision"] == "promote" and r["decision"] == "keep" for r in rounds[1:]):
    faults.append("no later round was kept out that the judge alone would have promoted")
if not Path(sys.argv[1]).with_name("report.html").stat().st_size > 10_000:
    faults.append("the report is empty")
for fault in faults:
    print(fault, file=sys.stderr)  # noqa: T201
sys.exit(bool(faults))
