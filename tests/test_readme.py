"""The numbers and verdicts that README and docs state are those of the committed records."""

import csv
import re
from pathlib import Path
from statistics import fmean

import experiments
from analysis.claims import CLAIMS, ledger, long_runs, restarts, sources
from analysis.figures import read_records
from analysis.results.panels import Panel, Tile, panels
from analysis.results.series import Variant, curve, variants
from analysis.results.studies import RECORDED
from analysis.results.table import Chart, charts
from analysis.results.words import Estimate, format_estimate
from analysis.statistics import ridge
from analysis.statistics.estimate import compare, paired_difference
from analysis.statistics.surface import panel_surface
from paper_repro import studies
from tests.conftest import made_record
from tests.test_docs import PAGES

ROOT = Path(__file__).parent.parent

TEXT = " ".join(" ".join(page.read_text() for page in PAGES).split())  # a number may move from page to page


def _evidence() -> sources.Evidence:
    return sources.evidence([RECORDED])


def _recorded_map():
    """The panels of the README's picture of cifar10-jpeg."""
    return panels(_recorded_chart("label_noise"))


def _row(alpha: float, panel: Panel) -> list[Tile]:
    return [tile for tile in panel.candidates if tile.alpha == alpha]


def test_the_noise_and_the_cost_are_what_the_committed_records_say() -> None:
    tiles = [tile for panel in _recorded_map() for tile in panel.tiles.values() if tile.test_error < 65]
    noise = fmean(tile.spread**2 for tile in tiles) ** 0.5
    assert f"it is {noise:.1f} points for a single run" in TEXT
    assert f"that differ by less than {1.96 * noise * (2 / 3) ** 0.5:.1f} points" in TEXT
    seconds = [record["seconds"] for panel in _recorded_map() for t in panel.tiles.values() for record in t.records]
    assert f"{len(seconds)} cells" in TEXT
    assert f"{fmean(seconds):.0f} s each, {sum(seconds) / 3600:.1f} core-hours" in TEXT


def test_how_far_the_best_factor_moves_is_what_the_table_says() -> None:
    rows = re.findall(r"\| (SGD, L2|SGDW|Adam, L2|AdamW) \| ((?:[\d.]+, ){6}[\d.]+) \|", TEXT)
    factors = {name: [float(decay) for decay in decays.split(", ") if float(decay)] for name, decays in rows}
    folds = {name: f"{max(own) / min(own):.0f}-fold" for name, own in factors.items()}
    assert f"moves {folds['SGD, L2']} for SGD and {folds['Adam, L2']} and more for Adam" in TEXT
    assert f"decoupled it stays within {max(folds['SGDW'], folds['AdamW'])}" in TEXT


def test_what_label_noise_does_is_what_the_committed_records_say() -> None:
    (sgdw,) = (panel for panel in _recorded_map() if panel.optimizer == "sgdw")
    noisy = {tile.decay: tile.test_error for tile in _row(0.1, sgdw)}
    as_long = sgdw.tiles[0.1, 0.0].records[0]["cell"]["epochs"]
    clean = {
        record["cell"]["decay"]: record["final"]["test_error"]
        for record in read_records([RECORDED])
        if (record["cell"]["label_noise"], record["cell"]["epochs"]) == (0, as_long)
        and (record["cell"]["optimizer"], record["cell"]["alpha"]) == ("sgdw", 0.1)
    }
    said = "goes from {:.1f} % without decay to {:.1f} % with it, and with clean labels from {:.1f} % to {:.1f} %"
    words = TEXT
    assert said.format(noisy[0.0], min(noisy.values()), clean[0.0], min(clean.values())) in words


def test_the_machines_of_the_table_of_speeds_are_told() -> None:
    for name in ("bench-xeon.csv", "bench-epyc.csv"):
        with open(ROOT / "experiments" / "recorded" / name, newline="") as file:
            first = next(csv.DictReader(file))
        assert f"{first['hardware']}, {first['versions']}" in TEXT


def test_precision_makes_no_difference_as_the_sentence_says() -> None:
    (chart,) = charts(experiments.get("precision"), read_records([RECORDED]))
    for name in ("sgd", "sgdw", "adam", "adamw"):
        fp32, *others = variants(chart, name)
        for other in others:
            difference, half = paired_difference(fp32, other)
            assert abs(difference) < min(fp32.deviation, half)
            assert len(other.errors) == len(fp32.errors) == 20


def test_the_example_experiment_is_whole() -> None:
    (code,) = re.findall(r"```python\n(\"\"\"Widths.*?)```", (ROOT / "docs" / "extending.md").read_text(), re.DOTALL)
    namespace: dict[str, object] = {}
    exec(compile(code, "widths.py", "exec"), namespace)
    widths = namespace["EXPERIMENT"]
    (chart,) = charts(widths, [made_record(cell, 40.0) for cell in widths.profiles["demo"].cells])
    assert [panel.facets["model"] for panel in panels(chart)] == ["resnet-8-w4", "resnet-8-w8", "resnet-8-w16"]


def _recorded_chart(name: str) -> Chart:
    (found,) = (each for each in charts(experiments.get(name), read_records([RECORDED])) if each.stem == f"{name}-cpu")
    return found


def test_the_page_of_experiments_lists_what_there_is() -> None:
    """Not more; what a user adds need not be on it."""
    listed = re.findall(
        r"^\| \[(\w+)\]\(\.\./experiments/", (ROOT / "docs" / "experiments.md").read_text(), re.MULTILINE
    )
    assert len(listed) == 23
    assert set(listed) <= set(experiments.names())


def test_what_is_said_of_schedules_is_what_the_committed_records_say() -> None:
    shown = panels(_recorded_chart("label_noise_fig1"))
    found = {pair[:2]: pair[2] for pair in ((each.first, each.second, each.difference) for each in compare(shown))}
    helped = format_estimate(found["Adam, fixed rate", "Adam, cosine"])
    assert f"a schedule helps Adam much, by {helped} points with L2" in TEXT
    better = format_estimate(_turned(found["AdamW, step drops", "AdamW, cosine"]))
    rates = ("step drops", "cosine", "fixed rate")
    worse = [format_estimate(_turned(found[f"Adam, {name}", f"AdamW, {name}"])) for name in rates]
    assert f"for AdamW it is worse, by {better} points" in TEXT
    assert "{} points worse under step drops, {} under cosine, and {} under the fixed rate".format(*worse) in TEXT
    fixed = {panel.optimizer: panel for panel in shown if panel.facets["schedule"] == "fixed"}
    one = "selected AdamW's cell at {:.1f} % and Adam's at {:.1f} %"
    assert one.format(fixed["adamw"].best.test_error, fixed["adam"].best.test_error) in TEXT
    many = [fixed[name].best.with_all_seeds() for name in ("adamw", "adam")]
    told = " % and ".join(f"{tile.test_error:.1f} ± {tile.spread:.1f}" for tile in many)
    assert f"over 45 seeds they are at {told} %" in TEXT
    assert {len(tile.seeds) for tile in many} == {45}


def test_what_is_said_of_the_transformer_is_what_the_committed_records_say() -> None:
    found = {panel.optimizer: panel for panel in panels(_recorded_chart("label_noise_transformer"))}
    ends = {name: panel.best.with_all_seeds() for name, panel in found.items()}
    assert {len(tile.seeds) for tile in ends.values()} == {5}
    told = {name: f"{tile.test_error:.1f} ± {tile.spread:.1f} %" for name, tile in ends.items()}
    assert f"AdamW's selected cell is at {told['adamw']}, Adam's with L2 at {told['adam']} (five seeds)" in TEXT
    compared = _evidence().at(sources.NOISY).compare("transformer", sources.Run("adam"), sources.Run("adamw"))
    points = format_estimate(compared.judged)
    assert f"a difference of {points} points" in TEXT
    assert f"AdamW is better than Adam with L2, by {points} points" in TEXT
    best = {name: {alpha: _lowest(_row(alpha, panel)).decay for alpha in panel.alphas} for name, panel in found.items()}
    assert [max(way.values()) / min(way.values()) for way in (best["adamw"], best["adam"])] == [
        16,
        4,
    ]  # as the text has it
    slopes = {name: ridge.ridge(panel_surface(panel, "validation")).slope.value for name, panel in found.items()}
    assert f"slopes of {slopes['adamw']:.2f} (AdamW) and {slopes['adam']:.2f} (Adam)" in TEXT
    assert f"its slope is {slopes['adamw'] - 1:.2f}" in TEXT
    assert f"a slope of {slopes['adamw']:.2f} where Adam's is {slopes['adam']:.2f}" in " ".join(
        PAGES[0].read_text().split()
    )
    assert (best["adamw"][0.008], best["adamw"][0.00025]) == (0.008, 0.0005)
    starred_first = {"adam": (0.001, 0.004), "adamw": (0.008, 0.008)}  # on the smaller grid
    tiles = [found[name].tiles[place].with_all_seeds() for name, place in starred_first.items()]
    worse, half = paired_difference(
        *(Variant("", dict(zip(tile.seeds, tile.errors("test"), strict=True)), 0) for tile in tiles)
    )
    assert f"AdamW's was {worse:.2f} [{worse - half:.2f}, {worse + half:.2f}] points worse over five seeds" in TEXT
    bare = sorted(tile.test_error for tile in found["adamw"].tiles.values() if not tile.decay)
    assert f"Without decay both end at {bare[0]:.1f} to {bare[-1]:.1f} %" in TEXT


def _lowest(row: list[Tile]) -> Tile:
    return min(row, key=lambda tile: fmean(tile.errors("validation")))


def _turned(part: Estimate) -> Estimate:
    return Estimate(-part.value, -part.high, -part.low)


def test_the_errors_of_budgets_are_what_the_committed_records_say() -> None:
    found = {
        panel.facets["epochs"]: panel.best.test_error
        for panel in panels(_recorded_chart("label_noise_supp3"))
        if (panel.optimizer, panel.decay_unit) == ("adamw", "step")
    }
    assert f"(AdamW's selected cell has {found[80]:.1f} % against {found[20]:.1f} % after 20)" in TEXT


def test_what_is_said_of_long_runs_is_what_the_committed_records_say() -> None:
    verdicts = {each.claim.name: each.ours.words for each in ledger.decide(long_runs.CLAIMS, _evidence())}
    value, interval = re.findall(r"([\d.]+) (\[[-\d., ]+\])", verdicts["9"])[0]
    assert f"a difference of {value} points {interval}" in TEXT
    best = {panel.optimizer: panel.best for panel in panels(_recorded_chart("fig3"))}
    gain, wanted = re.findall(r"AdamW ([\d.]+ \[[-\d., ]+\]) points.* would be ([\d.]+)", verdicts["10"])[0]
    assert f"AdamW's best is at {best['adamw'].test_error:.2f} %, Adam's at {best['adam'].test_error:.2f} %: " in TEXT
    assert f"a difference of {gain} points, where 15 % would be {wanted}" in TEXT
    assert "decays 1 end below Adam's best" in verdicts["8"]
    assert verdicts["8"].endswith("3 above by as much")


def test_the_restarts_are_what_the_committed_records_say() -> None:
    errors = {}
    for panel in panels(_recorded_chart("fig4")):
        line = curve(panel.best.records, "test_error")
        errors[panel.optimizer, panel.facets["schedule"]] = dict(zip(line.epochs, line.values, strict=True))
    restarted, plain = errors["adamw", "warm_restarts:5:2"], errors["adamw", "cosine"]
    cycles = "AdamWR is at {:.1f}, {:.1f} and {:.1f} % after 5, 15 and 35 epochs".format(
        *(restarted[e] for e in (5, 15, 35))
    )
    there = next(epoch for epoch, error in plain.items() if error <= restarted[35])
    assert f"{cycles}, AdamW at {restarted[35]:.1f} % only after {there}." in TEXT
    ends = [errors[name, "cosine"][75] for name in ("adamw", "adam", "sgdw")]
    assert "AdamW ends at {:.1f} %, below Adam with L2 at {:.1f} %, and rivals SGDW at {:.1f} %".format(*ends) in TEXT
    last = restarted[75], errors["sgdw", "warm_restarts:5:2"][75]
    assert "(AdamWR {:.1f} %, SGDWR {:.1f} %)".format(*last) in TEXT
    verdicts = {each.claim.name: each.ours.words for each in ledger.decide(restarts.CLAIMS, _evidence())}
    (ratio,) = re.findall(r"[\d.]+ \[[\d., ]+\] times SGDWR's", verdicts["17"])
    assert f"(AdamWR's is {ratio})" in TEXT


def test_the_constant_rate_is_what_the_committed_records_say() -> None:
    (constant,) = panels(_recorded_chart("supp2"))
    runs = panels(_recorded_chart("fig4"))
    ends = {(panel.optimizer, panel.facets["schedule"]): panel.best.test_error for panel in runs}
    assert f"at a constant rate ends at {constant.best.test_error:.1f} %" in TEXT
    gain = constant.best.test_error - ends["adamw", "cosine"]
    assert f"ends at {ends['adamw', 'cosine']:.1f} % after 75 epochs, {gain:.1f} points below" in TEXT
    assert constant.on_boundary


STATED = re.compile(r"\(claim (\w+)(?:, (paper|clean|noisy|GPU))?: ([^()]+)\)")


def test_sentences_that_state_a_verdict_state_the_ledger_s() -> None:
    """(claim 5b, noisy: holds here), wherever one stands; without a setting it is that of clean labels."""
    decided = {each.claim.name: each for each in ledger.decide(CLAIMS, _evidence())}
    stated = wrong = 0
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = " ".join(page.read_text().split())
        for name, setting, words in STATED.findall(text):
            each, stated = decided[name], stated + 1
            is_fact = each.claim.table == ledger.FACT
            verdict = each.paper if setting == "paper" else each.ours if is_fact else each.verdicts[setting or "clean"]
            expected = ledger.outcome(verdict, setting).partition(" (")[0]
            if words != expected:
                wrong += 1
                print(f"{page.name}: claim {name}, {setting or 'clean'}: {words!r}; the ledger says {expected!r}")
    assert stated > 10
    assert wrong == 0


def _findings(name: str) -> list[dict]:
    (found,) = (each for each in studies.load(ROOT / "experiments" / "recorded") if each["study"] == name)
    return found["rows"]


def test_what_is_said_of_studies_is_what_their_findings_hold() -> None:
    shares = [row for row in _findings("effective_decay") if row["what"] == "scale"]
    l2, decoupled = ([row for row in shares if row["optimizer"] == name] for name in ("adam", "adamw"))
    assert f"takes {100 * l2[0]['median']:.1f} % off a weight" in TEXT
    assert f"(a scale of {l2[0]['scale']:.1g}) and {100 * l2[-1]['median']:.2f} % where they are largest" in TEXT
    assert {f"{100 * row['median']:.2f}" for row in decoupled} == {"0.80"}
    took = {(row["model"], row["optimizer"]): row["milliseconds"] for row in _findings("step_cost")}
    for pair, words in (
        (("adamw", "adam"), "{:.2f} to {:.2f} of the time"),
        (("sgdw", "sgd"), "{:.2f} to {:.2f} of SGD's"),
    ):
        ratios = [took[model, pair[0]] / took[model, pair[1]] for model in {model for model, _ in took}]
        assert words.format(min(ratios), max(ratios)) in TEXT
