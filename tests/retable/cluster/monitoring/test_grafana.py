"""The Grafana dashboard asks for metrics and labels that are exported, and for all of them."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from retable.cluster.monitoring.series import COUNTERS, GAUGES, metric_name

FILE = Path(__file__).parents[4] / "dashboards" / "grafana" / "retable.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
LABELS = {
    **{f"ray_{series.name}": set(series.labels) for series in GAUGES},
    **{f"ray_{series.name}_total": set(series.labels) for series in COUNTERS},
}
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}


def queries() -> list[str]:
    asked = [target["expr"] for panel in PANELS for target in panel["targets"]]
    return asked + [v["definition"] for v in VARIABLES.values() if "definition" in v]


def test_every_metric_is_shown_and_no_other_is_asked_for() -> None:
    asked = {name for query in queries() for name in re.findall(r"ray_\w+", query)}
    assert asked == LABELS.keys()


@pytest.mark.parametrize("query", queries())
def test_a_query_uses_labels_that_its_metrics_have(query: str) -> None:
    metrics = set(re.findall(r"ray_\w+", query))
    common = set.intersection(*(LABELS[name] for name in metrics))
    for name, selector in re.findall(r"(ray_\w+)\{([^}]*)\}", query):
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)) <= LABELS[name]
    for grouping in re.findall(r"by \(([^)]*)\)", query):
        assert {label.strip() for label in grouping.split(",")} <= common
    if asked := re.search(r"label_values\(.*, (\w+)\)", query):
        assert asked[1] in common
    assert {name for name in re.findall(r"\$(\w+)", query) if not name.startswith("__")} <= VARIABLES.keys()
    assert query.count("(") == query.count(")")
    assert query.count("{") == query.count("}")


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_legend_names_labels_that_its_query_keeps(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        outer = re.match(r"\w+(?: by \(([^)]*)\))?", target["expr"])
        assert outer is not None
        kept = {label.strip() for label in (outer[1] or "").split(",")}
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= kept


def test_the_document_lists_every_metric_with_its_labels() -> None:
    text = (FILE.parents[2] / "docs" / "observability.md").read_text(encoding="utf-8")
    told = {
        name: {label.strip() for label in labels.split(",")}
        for name, labels in re.findall(r"^\| `(ray_\w+)` \| ([^|]*) \|", text, re.MULTILINE)
    }
    trial = {"study", "scale", "trial", "cell"}
    assert {name: labels | trial if "trial" in labels else labels for name, labels in told.items()} == LABELS


def test_panels_have_numbers_of_their_own_and_do_not_cover_each_other() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    for a, b in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or below
    assert max(place["x"] + place["w"] for place in places) == 24


def test_the_data_source_is_the_readers_choice() -> None:
    assert VARIABLES["datasource"]["type"] == "datasource"
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${datasource}"}


def test_what_people_watch_is_there() -> None:
    titles = " ".join(panel["title"].lower() for panel in PANELS)
    for words in ("trials by state", "collapsed", "images a second", "time of an update", "waited for data"):
        assert words in titles
    for words in (
        "gpu memory",
        "inception score",
        "fid",
        "time of an evaluation",
        "workers",
        "files read a second",
    ):
        assert words in titles


@pytest.mark.parametrize(
    ("label", "ascii_only"),
    [("9: λ = ½", "9: lambda = 1/2"), ("naïve 3×3", "naive 3x3"), ("plain", "plain"), ("中", "?")],
)
def test_labels_are_spelt_in_ascii(label: str, ascii_only: str) -> None:
    assert metric_name(label) == ascii_only
