"""Fine-tuning: a low learning rate for a trained body, the full one for its new head.

    python -m experiments run fine_tuning --profile demo

A common recipe for pretrained networks. The body learned half of the classes; a new head learns the other half from few
images while the body follows at a share of the learning rate, or starts afresh. Expect: a trained body helps; which
share is best is the question. Cost: (1 + 5/6) short runs a seed and share.
"""

from typing import Any

from experiments.declare import Experiment, Profile
from experiments.scales import CPU, DEMO, LONG_NOTES
from paper_repro.cell import Cell


def _settings(base: Cell, alpha: float, decay: float, examples: int) -> dict[str, Any]:
    cell = base.replace(optimizer="adamw", alpha=alpha, decay=decay, label_noise=0.0, train_examples=examples)
    return {
        "cell": cell.to_dict(), "epochs": base.epochs, "pictures": 200,
        "factors": [1.0, 0.3, 0.1, 0.03, 0.01, "fresh"], "seeds": 5,
        "quick": {"epochs": 1, "seeds": 1, "factors": [1.0, 0.1, "fresh"]},
    }  # fmt: skip


EXPERIMENT = Experiment(
    name="fine_tuning",
    title="A trained body at a share of the learning rate of its new head",
    figure="seed_dots",
    profiles={
        scale: Profile((), note, settings=settings)
        for scale, note, settings in (
            ("demo", f"{LONG_NOTES['demo']}; 200 of the new classes", _settings(DEMO, 0.01, 0.016, 900)),
            (
                "cpu",
                "4,000 images averaged to 16 x 16, 200 of the new classes; a plain 8-layer ResNet",
                _settings(CPU, 0.01, 0.008, 4000),
            ),
        )
    },
    study="fine_tuning",
)
