"""A metric of your own: a line in for each answer, a line out with its score and words about it.

In:  {"id": 1, "example": {…the row…}, "outputs": {"reply": "…"}, "trace": […]}
Out: {"score": 0.0 to 1.0, "feedback": "what was wrong and what would be right"}

The feedback is what the reflecting model learns from: say what is missing, not only that something is."""

import json
import sys


def judge(row, reply):
    wrong = []
    if row["name"] not in reply:
        wrong.append(f"It must call the customer by name, {row['name']}.")
    if "sorry" not in reply.lower():
        wrong.append("It must say sorry, with that word.")
    if len(reply.split()) > 30:
        wrong.append(f"It has {len(reply.split())} words; 30 are the most.")
    return 1 - len(wrong) / 3, " ".join(wrong) or "All three rules are kept."


for line in sys.stdin:
    asked = json.loads(line)
    score, feedback = judge(asked["example"], asked["outputs"]["reply"])
    print(json.dumps({"score": score, "feedback": feedback}), flush=True)
