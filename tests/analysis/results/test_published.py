"""The paper's own figures as data: whole, refused by line where damaged, and what their statistics say."""

from pathlib import Path

import numpy as np
import pytest

from analysis.results import published
from analysis.statistics.interaction import interaction
from analysis.statistics.ridge import ridge
from analysis.statistics.surface import published_surface
from paper_repro.cli import UsageError

READINGS = published.load()


def test_every_panel_is_whole() -> None:
    counts: dict[tuple[str, str], int] = {}
    for reading in READINGS:
        counts[reading.figure, reading.panel] = counts.get((reading.figure, reading.panel), 0) + 1
    assert len(READINGS) == 1384
    assert [counts["fig2", f"{name}_cosine"] for name in ("sgd", "sgdw", "adam", "adamw")] == [121] * 4
    assert [counts["fig1", f"{name}_{how}"] for name in ("adam", "adamw") for how in ("fixed", "step_drop")] == [88] * 4
    assert all(0 < reading.value <= 100 for reading in READINGS)


def test_a_panel_is_a_surface_without_its_column_of_no_decay() -> None:
    surface = published_surface(READINGS, "fig2", "adamw_cosine")
    assert surface.runs.shape == (11, 10, 1)
    assert np.nanmin(surface.means) == pytest.approx(3.91, abs=0.1)
    assert surface.clipped.sum() > 20
    assert np.isnan(surface.means[surface.clipped]).all()
    assert surface.known_sigma == pytest.approx(np.hypot(0.14, 0.1))
    with pytest.raises(UsageError, match="no panel nope in fig2"):
        published_surface(READINGS, "fig2", "nope")


@pytest.mark.parametrize(
    "change", [("7.0,ge", "700,ge"), ("7.0,ge", "x,ge"), ("7.0,ge", "7.0,le"), (",100,100,", ",,100,")]
)
def test_a_damaged_line_is_named(tmp_path: Path, change: tuple[str, str]) -> None:
    path = tmp_path / "figures.csv"
    path.write_text(published.FILE.read_text().replace(*change, 1))
    with pytest.raises(UsageError, match=f"{path}, line 2: not a reading"):
        published.load(path)


def test_the_paper_s_figure_2_is_as_separable_as_it_says() -> None:
    """L2 is tilted, SGD's by about -1 as Proposition 1 has it; decoupled decay is not."""
    slopes, shares = {}, {}
    for name in ("sgd", "sgdw", "adam", "adamw"):
        surface = published_surface(READINGS, "fig2", f"{name}_cosine")
        slopes[name], shares[name] = ridge(surface).slope, interaction(surface)
        assert slopes[name] is not None
        assert shares[name] is not None
    assert slopes["sgd"].low > -1 > slopes["adam"].high
    assert slopes["sgd"].high < -0.7
    assert abs(slopes["sgdw"].value) < 0.1
    assert slopes["adamw"].low < 0 < slopes["adamw"].high
    assert min(shares["sgd"].low, shares["adam"].low) > 0.25
    assert max(shares["sgdw"].high, shares["adamw"].high) < 0.15
