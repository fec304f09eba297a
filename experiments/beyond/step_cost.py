"""Step cost: is a decoupled step cheaper than an L2 step? Time and memory of all four optimizers beside torch's.

    python -m experiments run step_cost --profile demo

A text on AdamW says that it computes less than Adam with L2. Expect hardly any difference: a step reads and writes the
same tensors either way. Cost: seconds to a minute.
"""

from experiments.declare import Experiment, Profile

PAPERS = ["shake_shake-26-2x16d", "shake_shake-26-2x64d", "shake_shake-26-2x96d"]
QUICK = {"models": ["resnet-8-w8"], "rounds": 5}

EXPERIMENT = Experiment(
    name="step_cost",
    title="Time and memory of an optimizer step",
    figure="step_cost",
    profiles={
        scale: Profile((), note, settings={"models": models, "rounds": rounds, "quick": QUICK})
        for scale, note, models, rounds in (
            ("demo", "a small net and the narrowest of the paper's kind", ["resnet-20", PAPERS[0]], 30),
            ("cpu", "the paper's nets", PAPERS, 20),
            ("gpu", "the paper's nets", PAPERS, 100),
        )
    },
    study="step_cost",
)
