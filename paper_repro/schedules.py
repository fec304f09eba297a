"""The schedule multiplier eta_t in [0, 1] (Algorithms 1 and 2, SetScheduleMultiplier; appendix B.2 for the cosine).

fixed, step_drop, cosine and warm_restarts make multipliers: functions from the number of updates already made (0 for
the first update) to eta_t. They can be pickled, and are what torch.optim.lr_scheduler.LambdaLR takes (and saves),
stepped once per update:

    scheduler = LambdaLR(optimizer, schedules.cosine(total_steps))

The units of milestones and cycle lengths are those of the argument: updates here. The authors' Lua code advances the
cosine before its first use (the first update has k/N = 1/N, the last one exactly eta = 0, yet a cycle after a restart
starts at exactly 1); ours follows the printed equation 15: eta = 1 at the first update of every cycle, never 0.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Multiplier = Callable[[int], float]


@dataclass(frozen=True)
class Cycle:
    """One cycle of a schedule, in updates: it covers start <= step < start + length."""

    index: int
    start: int
    length: int


@dataclass
class Fixed:
    """eta = 1 at every update."""

    def __call__(self, step: int) -> float:
        return 1.0


@dataclass
class StepDrop:
    """eta is multiplied by `factor` from each milestone on. The paper's figure 1 drops at epochs 30, 60 and 80.

    The paper does not state the factor; 0.1 is what the code it builds on uses.
    """

    milestones: Sequence[int]
    factor: float = 0.1

    def __post_init__(self) -> None:
        self.milestones = tuple(self.milestones)
        if self.milestones != tuple(sorted(set(self.milestones))) or any(time <= 0 for time in self.milestones):
            raise ValueError(f"milestones must be positive and increasing, got {list(self.milestones)}")
        if not 0 <= self.factor <= 1:
            raise ValueError(f"factor must lie between 0 and 1, got {self.factor}")

    def __call__(self, step: int) -> float:
        return float(self.factor ** sum(step >= milestone for milestone in self.milestones))


@dataclass
class Cosine:
    """eta = 0.5 + 0.5 cos(pi t / T) (equation 15), one cycle without restarts; 0 from step T on."""

    total_steps: int

    def __post_init__(self) -> None:
        if not self.total_steps >= 1:
            raise ValueError(f"total_steps must be at least 1, got {self.total_steps}")

    def __call__(self, step: int) -> float:
        return _cosine(min(step, self.total_steps) / self.total_steps)


@dataclass
class WarmRestarts:
    """Cosine cycles T_0, T_0 m, T_0 m^2, ...; eta jumps back to 1 at each restart (equation 15, T_mult = m)."""

    first_cycle_steps: int
    multiplier: int = 2

    def __post_init__(self) -> None:
        if not (self.first_cycle_steps >= 1 and self.multiplier >= 1):
            raise ValueError("first_cycle_steps and multiplier must be at least 1")

    def __call__(self, step: int) -> float:
        cycle = self.cycle(step)
        return _cosine((step - cycle.start) / cycle.length)

    def cycle(self, step: int) -> Cycle:
        """The cycle that the update after `step` others belongs to."""
        index, start, length = 0, 0, self.first_cycle_steps
        if self.multiplier == 1:
            index = step // length
            return Cycle(index, index * length, length)
        while step >= start + length:
            index, start, length = index + 1, start + length, length * self.multiplier
        return Cycle(index, start, length)


fixed, step_drop, cosine, warm_restarts = Fixed, StepDrop, Cosine, WarmRestarts


@dataclass(frozen=True)
class Schedule:
    """A Cell's schedule: the multiplier, and the cycle a step belongs to (the whole run where nothing restarts)."""

    eta: Multiplier
    whole: Cycle

    def cycle(self, step: int) -> Cycle:
        return self.eta.cycle(step) if isinstance(self.eta, WarmRestarts) else self.whole


def from_spec(spec: str, epochs: int, steps_per_epoch: int) -> Schedule:
    """The schedule that a Cell names: times in it are epochs.

    "fixed", "cosine", "step_drop:30,60,80:0.1" (milestones, factor), "warm_restarts:100:2" (first cycle, multiplier).
    Raises ValueError for any other.
    """
    name, *arguments = spec.split(":")
    whole = Cycle(0, 0, epochs * steps_per_epoch)
    try:
        if spec == "fixed":
            return Schedule(fixed(), whole)
        if spec == "cosine":
            return Schedule(cosine(whole.length), whole)
        if name == "step_drop" and len(arguments) == 2:
            milestones = [round(float(time) * steps_per_epoch) for time in arguments[0].split(",")]
            return Schedule(step_drop(milestones, float(arguments[1])), whole)
        if name == "warm_restarts" and len(arguments) == 2:
            return Schedule(warm_restarts(int(arguments[0]) * steps_per_epoch, int(arguments[1])), whole)
    except (ValueError, OverflowError) as error:  # overflow: a milestone at inf
        raise ValueError(f"schedule {spec!r}: {error}") from None
    raise ValueError(f"schedule {spec!r} is none of fixed, cosine, step_drop:30,60,80:0.1, warm_restarts:100:2")


def _cosine(fraction: float) -> float:
    return 0.5 + 0.5 * math.cos(math.pi * fraction)
