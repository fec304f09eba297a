"""First steps: SGD, Adam and AdamW for 100 updates, all at default settings, none tuned. (From a lesson on AdamW.)

    python -m experiments run first_steps --profile demo

Expect: Adam and AdamW can hardly be distinguished at first, and untuned SGD lags. Cost: seconds.
"""

from experiments.declare import Experiment, Profile
from experiments.scales import CPU, DEMO, GPU, NOTES

# torch's defaults: 1e-3 and, for AdamW, weight_decay 0.01, which is 1e-5 in the paper's convention
OPTIMIZERS = [["sgd", 0.001, 0.0], ["adam", 0.001, 0.0], ["adamw", 0.001, 1e-5]]
SETTINGS = {"optimizers": OPTIMIZERS, "steps": 100, "seeds": 3, "quick": {"steps": 10, "seeds": 1}}

EXPERIMENT = Experiment(
    name="first_steps",
    title="The first 100 updates at default settings",
    figure="first_steps",
    profiles={
        scale: Profile(
            (), NOTES[scale], settings={"cell": cell.replace(schedule="fixed", epochs=1000).to_dict(), **SETTINGS}
        )
        for scale, cell in (("demo", DEMO), ("cpu", CPU), ("gpu", GPU))
    },
    study="first_steps",
)
