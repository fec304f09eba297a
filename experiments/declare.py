"""What an experiment file declares: grids of Cells, one for each profile, or a study's settings. No torch here."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from paper_repro.cell import Cell
from paper_repro.cli import brief, no_such, number, typed

PROFILES = ("demo", "cpu", "cpu_long", "gpu_short", "gpu", "paper")
QUICK = {"train_examples": 128, "validation_examples": 100, "evaluate_every": 10**6}
BUILT_IN = ("cifar10", "cifar10-jpeg", "cifar100", "imagenet32", "synthetic")  # data sets: --set dataset=NAME
SWEPT = ("optimizer", "alpha", "decay", "seed")  # the fields that a heat map spans
EACH_ITS_OWN = ("alpha", "decay", "seed")  # where optimizers differ in more
OF_IMAGES = ("dataset", "model", "train_examples", "image_size", "label_noise", "augment")  # what a note may speak of
LISTED = 6  # values of one kind named before the rest is only counted; the CSV beside a figure has them all
KINDS = {known.name: str(known.type) for known in dataclasses.fields(Cell)}
WORDS = {"true": True, "false": False, "none": None}
_kind = attrgetter("optimizer", *(name for name in KINDS if name not in SWEPT))


@dataclass(frozen=True)
class Profile:
    """An experiment at one scale: its cells (seed 0), the default number of seeds, and what was reduced.

    settings: of a study, which has no cells; those under "quick" replace the others for a quick run.
    """

    cells: tuple[Cell, ...]
    note: str
    seeds: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)

    def is_declared(self, cells: Sequence[Cell]) -> bool:
        """Whether these are all its kinds of cells of these optimizers, whatever their learning rates and decays."""
        optimizers = {cell.optimizer for cell in cells}
        return set(map(_kind, cells)) == {_kind(cell) for cell in self.cells if cell.optimizer in optimizers}

    def describe(self, cells: Sequence[Cell]) -> str:
        """What these cells train and on what: the note, if it was written of them; else what they say themselves."""
        return self.note if self.note and self.is_declared(cells) else describe(cells)

    def with_seeds(self, seeds: int) -> list[Cell]:
        """Every cell at the seeds 0 .. seeds - 1, a whole map before the next seed."""
        return [cell.replace(seed=seed) for seed in range(seeds) for cell in self.cells]


@dataclass(frozen=True)
class Experiment:
    """A figure or claim: its name on the command line, a title, the kind of figure, and its profiles.

    swept: the fields in which a record may differ from every declared cell and still belong to the figure.
    facets: the fields in which panels of one optimizer differ; the first goes from left to right.
    study: the module of paper_repro/studies/ that measures it, where it is no grid of cells; "" for what is drawn
    without measuring anything.
    """

    name: str
    title: str
    figure: str  # the module of analysis/figures/ that draws it, or its function, as in curves.long_runs
    profiles: Mapping[str, Profile]
    swept: tuple[str, ...] = SWEPT
    also: tuple[str, ...] = ()  # modules that draw further figures of the same records
    facets: tuple[str, ...] = ()
    study: str | None = None
    repeats: str = ""  # the experiment whose cells these are with other labels: the paper's panels are that one's
    measure: str = "error"  # of the final numbers: "top5_error" where the records have it
    changes: Mapping[str, Any] = field(default_factory=dict)  # to the declared cells, by the user (parse_settings)

    def __post_init__(self) -> None:
        if isinstance(self.facets, str) or not set(self.facets) <= KINDS.keys():
            raise ValueError(f"{self.name}: facets must be names of a cell's fields, got {self.facets!r}")

    def changed(self, changes: Mapping[str, Any]) -> "Experiment":
        """This experiment with fields of all its cells changed; with "quick" among the changes also with so few images
        that whole grids are tried in a minute. Notes stay with the cells that they were written of.

        Raises ValueError for what no cell can have.
        """
        quick, profiles = "quick" in changes, dict[str, Profile]()
        fields = {name: value for name, value in changes.items() if name not in ("quick", "seed")}
        for scale, profile in self.profiles.items():
            cells = distinct(cell.replace(**{**(QUICK if quick else {}), **fields}) for cell in profile.cells)
            settings = {**profile.settings, **(profile.settings.get("quick", {}) if quick else {})}
            note, seeds = profile.note if cells == profile.cells else "", 1 if quick else profile.seeds
            profiles[scale] = Profile(cells, note, seeds, settings)
        return dataclasses.replace(self, profiles=profiles, changes=changes)

    def wants(self, cell: Mapping[str, Any]) -> bool:
        """Whether a record's cell has what the user set, fields included that the cells of a figure may differ in."""
        known = {name: value for name, value in self.changes.items() if name in cell}
        return all(cell[name] in value if name == "seed" else cell[name] == value for name, value in known.items())


def distinct(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """Each training once, however often it is looked at."""
    kinds: dict[Cell, Cell] = {}
    for cell in cells:
        kinds.setdefault(cell.replace(evaluate_every=1), cell)
    return tuple(kinds.values())


def describe(cells: Sequence[Cell], dataset: str = "") -> str:
    """What cells train and on what, from their fields alone: true of any cells.

    dataset: what to call it, if not by its name.
    """
    epochs = _each(cells, "{0.epochs}")
    return (
        f"data set {dataset or _each(cells, '{0.dataset}')}, model {_each(cells, '{0.model}')}, "
        f"{epochs} epoch{'s' * (epochs != '1')}, batch size {_each(cells, '{0.batch_size}')}, "
        f"{describe_images(cells)}, {_each(cells, '{0.precision}')}, schedule {_each(cells, '{0.schedule}')}"
    )


def describe_images(cells: Sequence[Cell]) -> str:
    """Which images cells learn from, and how these were changed."""
    examples, sizes, noises, augment, splits = set(), set(), set(), set(), {cell.split_seed for cell in cells}
    for cell in cells:
        train = "all remaining" if cell.train_examples is None else cell.train_examples
        examples.add(f"{train} training and {cell.validation_examples or 'no'} validation images")
        sizes.add("full size" if cell.image_size is None else f"{cell.image_size} x {cell.image_size} by averaging")
        noises.add(cell.label_noise)
        padded = "pad" if cell.crop_padding == 4 else f"pad by {cell.crop_padding}"
        augment.add(f"{padded}, crop and flip" if cell.augment else "no augmentation")
    noise = listed(f"{100 * share:.3g}" for share in sorted(noises))
    return (
        f"{listed(sorted(examples))}, label noise {noise} %, images of {listed(sorted(sizes))}, "
        f"{listed(sorted(augment))}{f', split seeds {listed(map(str, sorted(splits)))}' * (splits != {0})}"
    )


def _each(cells: Sequence[Cell], form: str) -> str:
    """The values of a field among the cells, in order; numbers by size."""
    return listed(sorted({form.format(cell) for cell in cells}, key=lambda text: (len(text) * text.isdigit(), text)))


def listed(values: Iterable[str], separator: str = ", ") -> str:
    """The first of the values; of many more only how many."""
    named = list(values)
    more = f"{separator}and {len(named) - LISTED} more" if len(named) > LISTED else ""
    return separator.join(named[:LISTED]) + more


def settings_of(profile: Profile, dataset: str | None) -> dict[str, Any]:
    """The study's settings; of one that uses data, on this data set instead of the profile's."""
    settings = {key: value for key, value in profile.settings.items() if key != "quick"}
    return {**settings, "cell": {**settings["cell"], "dataset": dataset}} if dataset else settings


def note_of(profile: Profile, settings: Mapping[str, Any]) -> str:
    """The profile's note; of a study on other images than the profile's, what there is to say of these."""
    declared, cell = profile.settings.get("cell"), settings.get("cell")
    if not cell or not declared:
        return profile.note
    trained = Cell.from_dict({**declared, **cell})
    if all(getattr(trained, name) == declared[name] for name in OF_IMAGES):
        return profile.note
    return f"data set {trained.dataset}, model {trained.model}, {describe_images([trained])}"


def grid(base: Cell, optimizers: Sequence[str], alphas: Sequence[float], decays: Sequence[float]) -> tuple[Cell, ...]:
    """`base` at every alpha and decay for each of the optimizers."""
    return tuple(
        base.replace(optimizer=optimizer, alpha=alpha, decay=decay)
        for optimizer in optimizers
        for alpha in alphas
        for decay in decays
    )


def halvings(top: float, count: int) -> list[float]:
    """top, top/2, top/4, ...: `count` values, largest first (the paper's axes)."""
    return [top / 2**k for k in range(count)]


def zero_and(top: float, count: int) -> list[float]:
    """0 and `count` values, each twice the one before, up to top."""
    return [0.0, *reversed(halvings(top, count))]


def parse_settings(texts: Iterable[str]) -> dict[str, Any]:
    """["epochs=3", "seed=3,5"] as {"epochs": 3, "seed": (3, 5)}: values as the Cell's field has them, seeds as a tuple.

    Raises ValueError, also where a field is given twice.
    """
    changes: dict[str, Any] = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        if name not in KINDS or not value:
            raise ValueError(f"--set {brief(text)}: FIELD=VALUE is wanted; {no_such('field', name, KINDS)}")
        if name in changes:
            raise ValueError(f"--set {name} is given twice: pass it once")
        try:
            if name == "seed":
                changes[name] = tuple(dict.fromkeys(number(seed, int) for seed in value.split(",")))
            elif KINDS[name] == "str" or value in WORDS:
                changes[name] = WORDS.get(value, value)  # the Cell refuses what its field cannot be
            else:
                changes[name] = number(value, float if KINDS[name] == "float" else int)
        except ValueError:
            kind = {"float": "a number", "bool": "true or false"}.get(KINDS[name], "a whole number")
            raise ValueError(f"--set {brief(text)}: {name} is {kind}") from None
    return changes


def setting(name: str, value: Any) -> str:
    """What parse_settings would read as this."""
    if isinstance(value, float):
        return f"{name}={typed(value)}"
    return f"{name}={','.join(map(str, value)) if isinstance(value, tuple) else str(value).lower()}"


def options(changes: Mapping[str, Any]) -> list[str]:
    """The options that make these changes: --quick, and a --set for each field."""
    sets = [word for name, value in changes.items() if name != "quick" for word in ("--set", setting(name, value))]
    return ["--quick"] * ("quick" in changes) + sets


def describe_changes(changes: Mapping[str, Any]) -> str:
    """A sentence that says of which cells alone something is; changes: not empty."""
    few = " (so few images that it means nothing)" if "quick" in changes else ""
    return f"Of what was run with {' '.join(options(changes))} alone{few}."
