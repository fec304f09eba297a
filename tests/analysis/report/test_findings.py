"""What the pages of docs/ say in sentences is what the committed records say."""

import re
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import experiments
from analysis.claims import CLAIMS, ledger, long_runs, restarts, sources
from analysis.figures import read_records
from analysis.results.panels import Panel, Tile, panels
from analysis.results.series import EPOCHS, Variant, bests, curve, variants
from analysis.results.studies import RECORDED
from analysis.results.table import Chart, charts
from analysis.results.words import Estimate
from analysis.statistics import ridge, separability
from analysis.statistics.estimate import Comparison, compare, paired_difference, student
from analysis.statistics.surface import panel_surface
from paper_repro import studies
from tests.conftest import Record

ROOT = Path(__file__).parents[3]


def _text(page: str) -> str:
    """Of a page of docs, its words a space apart."""
    return " ".join((ROOT / "docs" / f"{page}.md").read_text().split())


@cache
def _records() -> list[Record]:
    return read_records([RECORDED])


def _chart(name: str, profile: str = "cpu") -> Chart:
    (chart,) = (each for each in charts(experiments.get(name), _records()) if each.stem == f"{name}-{profile}")
    return chart


@cache
def _panels(name: str) -> list[Panel]:
    return panels(_chart(name))


@cache
def _compared(name: str) -> dict[tuple[str, str], Comparison]:
    return {(pair.first, pair.second): pair for pair in compare(_panels(name))}


@cache
def _evidence() -> sources.Evidence:
    return sources.evidence([RECORDED])


def _row(alpha: float, panel: Panel) -> list[Tile]:
    return [tile for tile in panel.candidates if tile.alpha == alpha]


def _lowest(row: list[Tile]) -> Tile:
    return min(row, key=lambda tile: fmean(tile.errors("validation")))


def _points(part: Estimate) -> str:
    """With one decimal, as sentences have it, whichever of the two is better."""
    ends = sorted(abs(end) for end in (part.low, part.high) if end is not None)
    if part.low is not None and part.low < 0 < (part.high or 0):
        return f"{part.value:.1f} [{part.low:.1f}, {part.high:.1f}]"
    return f"{abs(part.value):.1f} [{ends[0]:.1f}, {ends[1]:.1f}]"


def test_figure_2_s_cost_and_noise() -> None:
    text, grids = _text("experiments-figure2"), _panels("label_noise")
    tiles = [tile for panel in grids for tile in panel.tiles.values() if (tile.test_error or 100) < 65]
    noise = fmean((tile.spread or 0) ** 2 for tile in tiles) ** 0.5
    assert f"it is {noise:.1f} points for a single run" in text
    assert f"that differ by less than {1.96 * noise * (2 / 3) ** 0.5:.1f} points" in text
    seconds = [record["seconds"] for panel in grids for tile in panel.tiles.values() for record in tile.records]
    assert f"{len(seconds)} cells, that is, {len(seconds) // 3} settings with three seeds each" in text
    assert f"{fmean(seconds):.0f} s each, {sum(seconds) / 3600:.1f} core-hours" in text


def test_how_far_the_best_factor_moves_is_what_the_table_says() -> None:
    text = _text("experiments-figure2").partition("## On noisy labels")[2]
    rows = re.findall(r"\| (SGD, L2|SGDW|Adam, L2|AdamW) \| ((?:[\d.]+, ){6}[\d.]+) \|", text)
    factors = {name: [float(decay) for decay in decays.split(", ") if float(decay)] for name, decays in rows}
    folds = {name: f"{max(own) / min(own):.0f}-fold" for name, own in factors.items()}
    assert f"moves {folds['SGD, L2']} for SGD and {folds['Adam, L2']} and more for Adam" in text
    assert f"it stays within {max(folds['SGDW'], folds['AdamW'])}" in text


def test_the_pairs_of_figure_2_that_are_decided() -> None:
    text, pairs = _text("experiments-figure2"), _compared("label_noise")
    (pair,) = [pair for pair in pairs.values() if pair.is_decided]
    assert ((pair.first, pair.second), len(pairs)) == (("Adam", "AdamW"), 6)
    assert {each.seeds for each in pairs.values()} == {7}
    assert f"{_points(pair.difference)} points below AdamW's (seven seeds of each; p = {pair.p:.1g}, corrected" in text
    pairs = _compared("fig2")
    assert {key for key, pair in pairs.items() if pair.is_decided} == {
        ("SGD", "Adam"), ("SGDW", "Adam"), ("Adam", "AdamW")
    }  # fmt: skip
    pair = pairs["Adam", "AdamW"]
    assert f"Adam − AdamW is {_points(pair.difference)} points (ten seeds of each; p = {pair.p:.1g}, corrected" in text
    assert f"Adam − SGD is {_points(pairs['SGD', 'Adam'].difference)} points" in text
    assert {each.seeds for each in pairs.values()} == {10}
    adam, adamw = (_errors("fig2", name) for name in ("adam", "adamw"))
    new = student([adam[seed] - adamw[seed] for seed in range(3, 10)])
    assert f"The seven others alone give {_points(new)}" in text


def _errors(name: str, optimizer: str) -> dict[int, float]:
    """Of the selected cell, by seed."""
    (best,) = (panel.best for panel in _panels(name) if panel.optimizer == optimizer)
    assert best is not None
    tile = best.with_all_seeds()
    return dict(zip(tile.seeds, tile.errors("test"), strict=True))


def test_what_tuning_one_after_the_other_costs() -> None:
    text = _text("experiments-figure2")
    said = {"fig2": "Adam with L2 costs {} points, AdamW {}", "label_noise": "on noisy labels {} and {}"}
    for name, words in said.items():
        adam, adamw = [row.statistics["regret_decay_first"] for row in separability.chart_rows(_chart(name))][2:]
        assert words.format(_points(adam), _points(adamw)) in text
        assert (adamw.high < adam.low) == (name == "label_noise")
    sgd, sgdw = [row.statistics["regret_decay_first"] for row in separability.chart_rows(_chart("fig2"))][:2]
    assert f"SGD costs {_points(sgd)} points, SGDW {_points(sgdw)};" in text
    assert sgdw.high < sgd.low


def test_what_label_noise_does() -> None:
    ends = []
    for name in ("label_noise", "fig2"):
        (sgdw,) = (panel for panel in _panels(name) if panel.optimizer == "sgdw")
        row = {tile.decay: tile.test_error for tile in _row(0.1, sgdw)}
        ends += [row[0.0], min(row.values())]
    words = "goes from {:.1f} % without decay to {:.1f} % with it, and with clean labels from {:.1f} % to {:.1f} %"
    assert words.format(*ends) in _text("evidence")


def test_precision_makes_no_difference() -> None:
    chart = _chart("precision", "demo")
    for name in ("sgd", "sgdw", "adam", "adamw"):
        fp32, *others = variants(chart, name)
        for other in others:
            difference, half = paired_difference(fp32, other)
            assert abs(difference) < min(fp32.deviation, half)
            assert len(other.errors) == len(fp32.errors) == 20


def test_the_page_of_experiments_lists_what_there_is() -> None:
    """Not more; what a user adds need not be on it."""
    page = (ROOT / "docs" / "experiments.md").read_text()
    listed = re.findall(r"^\| \[(\w+)\]\(\.\./experiments/", page, re.MULTILINE)
    assert len(listed) == 23
    assert set(listed) <= set(experiments.names())


def test_schedules() -> None:
    text, grids = _text("experiments-schedules"), _panels("label_noise_fig1")
    found = {pair: _points(each.difference) for pair, each in _compared("label_noise_fig1").items()}
    assert f"by {found['Adam, fixed rate', 'Adam, cosine']} points with L2" in text
    assert f"For AdamW it is worse, by {found['AdamW, step drops', 'AdamW, cosine']} points" in text
    worse = [found[f"Adam, {name}", f"AdamW, {name}"] for name in ("step drops", "cosine", "fixed rate")]
    assert f"by {worse[0]} points under step drops" in text
    assert f"{worse[1]} under cosine" in text
    assert f"Under the fixed rate it is by {worse[2]}" in text
    fixed = {panel.optimizer: panel.best for panel in grids if panel.facets["schedule"] == "fixed"}
    one = "one seed selected AdamW's cell at {:.1f} % and Adam's at {:.1f} %"
    assert one.format(fixed["adamw"].test_error, fixed["adam"].test_error) in text
    many = [fixed[name].with_all_seeds() for name in ("adamw", "adam")]
    told = " % and ".join(f"{tile.test_error:.1f} ± {tile.spread:.1f}" for tile in many)
    assert f"Over 45 seeds these cells are at {told} %" in text
    assert {len(tile.seeds) for tile in many} == {45}


def test_the_transformer() -> None:
    text = _text("experiments-mechanisms")
    found = {panel.optimizer: panel for panel in _panels("label_noise_transformer")}
    ends = {name: panel.best.with_all_seeds() for name, panel in found.items()}
    assert {len(tile.seeds) for tile in ends.values()} == {5}
    told = {name: f"{tile.test_error:.1f} ± {tile.spread:.1f} %" for name, tile in ends.items()}
    assert f"its selected cell is at {told['adamw']}, Adam's at {told['adam']} (five seeds)" in text
    compared = _evidence().at(sources.NOISY).compare("transformer", sources.Run("adam"), sources.Run("adamw"))
    assert f"a difference of {_points(compared.judged)} points" in text
    best = {name: {alpha: _lowest(_row(alpha, panel)).decay for alpha in panel.alphas} for name, panel in found.items()}
    folds = [max(way.values()) / min(way.values()) for way in (best["adamw"], best["adam"])]
    assert folds == [16, 4]  # as the text has it
    assert (best["adamw"][0.008], best["adamw"][0.00025]) == (0.008, 0.0005)
    slopes = {name: ridge.ridge(panel_surface(panel, "validation")).slope.value for name, panel in found.items()}
    assert f"are {slopes['adamw']:.1f} (AdamW) and {slopes['adam']:.1f} (Adam)" in text
    assert f"its slope is {slopes['adamw'] - 1:.1f}" in text
    starred_first = {"adam": (0.001, 0.004), "adamw": (0.008, 0.008)}  # on the smaller grid
    tiles = [found[name].tiles[place].with_all_seeds() for name, place in starred_first.items()]
    worse, half = paired_difference(
        *(Variant("", dict(zip(tile.seeds, tile.errors("test"), strict=True)), 0) for tile in tiles)
    )
    assert f"was {_points(Estimate(worse, worse - half, worse + half))} points worse over five seeds" in text
    bare = sorted(tile.test_error for tile in found["adamw"].tiles.values() if not tile.decay)
    assert f"Without decay both end at {bare[0]:.1f} to {bare[-1]:.1f} %" in text


def test_batch_sizes_and_budgets() -> None:
    text = _text("experiments-batch-and-budget")
    chart = _chart("label_noise_batch_size")
    best = {each.batch_size: each.decay for each in bests(chart, "adamw") if each.plan == EPOCHS}
    assert best[256] / best[16] == 256 / 16
    assert best[512] < best[256]
    assert "in proportion to the batch size from 16 to 256** (16-fold" in text
    found = {
        panel.facets["epochs"]: panel.best.test_error
        for panel in _panels("label_noise_supp3")
        if (panel.optimizer, panel.decay_unit) == ("adamw", "step")
    }
    assert f"selected cell is at {found[80]:.1f} %, against {found[20]:.1f} % after 20 epochs" in text


def test_long_runs() -> None:
    text = _text("experiments-schedules")
    verdicts = {each.claim.name: each.ours.words for each in ledger.decide(long_runs.CLAIMS, _evidence())}
    number = r"(-?[\d.]+) \[(-?[\d.]+), (-?[\d.]+)\] points"
    loss, gain = (Estimate(*map(float, re.findall(number, verdicts[name])[0])) for name in ("9", "10"))
    assert f"do not differ significantly: {_points(loss)} points" in text
    best = {panel.optimizer: panel.best for panel in _panels("fig3")}
    assert (
        f"AdamW's best run is at {best['adamw'].test_error:.1f} %, Adam's at {best['adam'].test_error:.1f} %: " in text
    )
    wanted = float(verdicts["10"].rpartition(" ")[2])
    assert f"a difference of {_points(gain)} points, where the paper's 15 % (relative) would be {wanted:.1f}" in text
    assert "decays 1 end below Adam's best" in verdicts["8"]
    assert verdicts["8"].endswith("3 above by as much")


def test_restarts_and_the_constant_rate() -> None:
    text = _text("experiments-schedules")
    errors = {}
    for panel in _panels("fig4"):
        line = curve(panel.best.records, "test_error")
        errors[panel.optimizer, panel.facets["schedule"]] = dict(zip(line.epochs, line.values, strict=True))
    restarted, plain = errors["adamw", "warm_restarts:5:2"], errors["adamw", "cosine"]
    cycles = "AdamWR is at {:.1f}, {:.1f} and {:.1f} % at the ends of its cycles after 5, 15 and 35 epochs"
    assert cycles.format(*(restarted[epoch] for epoch in (5, 15, 35))) in text
    there = next(epoch for epoch, error in plain.items() if error <= restarted[35])
    assert f"AdamW reaches {restarted[35]:.1f} % only after {there}." in text
    ends = [errors[name, "cosine"][75] for name in ("adamw", "adam", "sgdw")]
    assert "at {:.1f} % against {:.1f} %, and close to SGDW at {:.1f} %".format(*ends) in text
    last = restarted[75], errors["sgdw", "warm_restarts:5:2"][75]
    assert "AdamWR at {:.1f} %, SGDWR at {:.1f} %".format(*last) in text
    verdicts = {each.claim.name: each.ours.words for each in ledger.decide(restarts.CLAIMS, _evidence())}
    (ratio,) = re.findall(r"([\d.]+ \[[\d., ]+\]) times SGDWR's", verdicts["17"])
    assert f"a ratio of {ratio}" in text
    (later,) = re.findall(r"([\d.]+) \[([\d.]+), ([\d.]+)\] times later", verdicts["11"])
    assert f"AdamW reaches {_points(Estimate(*map(float, later)))} times later" in text
    (constant,) = _panels("supp2")
    assert f"at a constant rate ends at {constant.best.test_error:.1f} %" in text
    gain = constant.best.test_error - ends[0]
    assert f"ends at {ends[0]:.1f} % after 75 epochs (next but one section), {gain:.1f} points below" in text
    assert constant.on_boundary


STATED = re.compile(r"\(claim (\w+)(?:, (paper|clean|noisy|GPU))?: ([^()]+)\)")


def test_sentences_that_state_a_verdict_state_the_ledger_s() -> None:
    """(claim 5b, noisy: holds here), wherever one stands; without a setting it is that of clean labels."""
    decided = {each.claim.name: each for each in ledger.decide(CLAIMS, _evidence())}
    stated = wrong = 0
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for name, setting, words in STATED.findall(" ".join(page.read_text().split())):
            each, stated = decided[name], stated + 1
            is_fact = each.claim.table == ledger.FACT
            verdict = each.paper if setting == "paper" else each.ours if is_fact else each.verdicts[setting or "clean"]
            expected = ledger.outcome(verdict, setting).partition(" (")[0]
            if words != expected:
                wrong += 1
                print(f"{page.name}: claim {name}, {setting or 'clean'}: {words!r}; the ledger says {expected!r}")
    assert stated > 10
    assert wrong == 0


def _findings(name: str) -> list[dict[str, Any]]:
    (found,) = (each for each in studies.load(RECORDED) if each["study"] == name)
    return found["rows"]


def test_studies() -> None:
    text = _text("experiments-mechanisms")
    shares = [row for row in _findings("effective_decay") if row["what"] == "scale"]
    l2, decoupled = ([row for row in shares if row["optimizer"] == name] for name in ("adam", "adamw"))
    assert f"takes {100 * l2[0]['median']:.1f} % off a weight" in text
    assert f"(a scale of {l2[0]['scale']:.1g}) and {100 * l2[-1]['median']:.2f} % where they are largest" in text
    assert {f"{100 * row['median']:.2f}" for row in decoupled} == {"1.60"}
    took = {(row["model"], row["optimizer"]): row["milliseconds"] for row in _findings("step_cost")}
    for pair, words in (
        (("adamw", "adam"), "{:.2f} to {:.2f} of the time"),
        (("sgdw", "sgd"), "{:.2f} to {:.2f} of SGD's"),
    ):
        ratios = [took[model, pair[0]] / took[model, pair[1]] for model in {model for model, _ in took}]
        assert words.format(min(ratios), max(ratios)) in text


def test_groups() -> None:
    compared = _compared("label_noise_groups")
    (pair,) = [each for names, each in compared.items() if all(name.startswith("AdamW") for name in names)]
    assert f"made AdamW {_points(pair.difference)} points worse (five seeds)" in _text("experiments-mechanisms")
