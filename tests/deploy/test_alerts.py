"""The alerts and the dashboard in deploy/: promtool takes them, each alert fires and is silent as its cases say, and
whatever they name is there: metrics and labels in a scrape, headings in the documentation.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from loader.textfile import HELP
from loader.textfile import LABELS as LOADER_LABELS
from lookup.app import TEMPLATES
from lookup.metrics import METRICS
from lookup.ops.pulse import ASIDE

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES, TESTS, DASHBOARD = PROMETHEUS / "flr.rules.yml", PROMETHEUS / "flr.tests.yml", ROOT / "deploy/grafana/flr.json"
SECONDS = 300
# what Prometheus and node_exporter put on everything that is scraped; and what is Prometheus's own
OUTSIDE, THEIRS = {"job", "instance"}, {"up": {"job", "instance"}, "ALERTS": {"alertname", "alertstate"}}
HISTOGRAM = ("_bucket", "_count", "_sum")
# metric{label=""}, and whatever else is a word
NAME = re.compile(r"\b([A-Za-z_][A-Za-z0-9_]*)(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([^)]*)\)")
STRING = re.compile(r'"[^"]*"')


def promtool(*arguments: str) -> None:
    if (
        shutil.which("promtool") is None
    ):  # a compiler is all that the README asks for; where it counts, it has to be there
        assert "CI" not in os.environ, "promtool is not installed (Debian: apt install prometheus)"
        pytest.skip("promtool is not installed (Debian: apt install prometheus)")
    done = subprocess.run(
        ["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return [panel for panel in told if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """(where, expression) of all that is asked of Prometheus."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


def labels_of(name: str) -> set[str] | None:
    """The labels of a metric as it is scraped; None for what is no metric of anybody."""
    if name in THEIRS:
        return THEIRS[name]
    if name in HELP:
        return OUTSIDE | set(LOADER_LABELS.get(name, ()))
    if name in METRICS:
        return OUTSIDE | set(METRICS[name].labels)
    stem = next((name.removesuffix(end) for end in HISTOGRAM if name.endswith(end)), None)
    if stem in METRICS:
        return OUTSIDE | set(METRICS[stem].labels) | {"le"}
    return None


def named(expression: str) -> Iterator[tuple[str, set[str]]]:
    """(metric, labels that are selected) of an expression."""
    for word, selected in NAME.findall(STRING.sub('""', expression)):
        if word.startswith("flr_") or word in THEIRS:
            yield word, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selected))


def test_promtool_takes_the_rules() -> None:
    promtool("check", "rules", RULES.name)


def test_every_alert_fires_and_is_silent_as_its_cases_say() -> None:
    promtool("test", "rules", TESTS.name)


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_might_and_does_not() -> None:
    fires: dict[str, set[str]] = {}
    silent: dict[str, set[str]] = {}
    for case in yaml.safe_load(TESTS.read_text())["tests"]:
        given = {re.split(r"[{\s]", one["series"])[0] for one in case["input_series"]}
        for moment in case["promql_expr_test"]:
            assert moment["expr"] == 'count by (alertname) (ALERTS{alertstate="firing"})'
            told = {STRING.findall(sample["labels"])[0].strip('"') for sample in moment["exp_samples"]}
            for rule in rules():
                alert, needed = rule["alert"], {name for name, _ in named(rule["expr"])}
                if alert in told:
                    fires.setdefault(alert, set()).add(case["name"])
                elif needed <= given:
                    silent.setdefault(alert, set()).add(case["name"])
    alerts = {rule["alert"] for rule in rules()}
    assert set(fires) == alerts
    assert set(silent) == alerts


def test_every_alert_says_what_it_is_and_where_to_read_on() -> None:
    documented = set(re.findall(r"^### (Flr\w+)$", (ROOT / "docs/operations.md").read_text(), re.M))
    alerts = [rule["alert"] for rule in rules()]
    assert len(alerts) == len(set(alerts))
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}, rule["alert"]
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["alert"] in documented
        assert rule["labels"]["severity"] in ("page", "ticket", "info")


def test_every_metric_and_label_that_is_named_is_there() -> None:
    seen = set()
    for where, expression in expressions():
        metrics = dict(named(expression))
        assert metrics, where
        there = set[str]()
        for name, selected in metrics.items():
            labels = labels_of(name)
            assert labels is not None, f"{where}: there is no metric {name}"
            assert selected <= labels, f"{where}: {name} has no {selected - labels}"
            there |= labels
        grouped = {label.strip() for some in GROUPED.findall(expression) for label in some.split(",")} - {""}
        assert grouped <= there, f"{where}: nothing there has {grouped - there}"
        seen |= set(metrics)
    assert len(seen) > 40


def test_every_label_of_a_message_is_one_of_its_metrics() -> None:
    for rule in rules():
        there = set[str]().union(*(labels_of(name) or set() for name, _ in named(rule["expr"])))
        for text in rule["annotations"].values():
            assert set(re.findall(r"\$labels\.(\w+)", text)) <= there, rule["alert"]


def test_every_metric_is_on_the_dashboard_or_in_an_alert() -> None:
    seen = {name for _, expression in expressions() for name, _ in named(expression)}
    stems = {next((n.removesuffix(end) for end in HISTOGRAM if n.endswith(end)), n) for n in seen} | seen
    derived = {
        "flr_generation_as_of_timestamp_seconds",
        "flr_loader_as_of_timestamp_seconds",
        *("flr_loader_published", "flr_loader_warnings", "flr_loader_canaries", "flr_loader_serial"),
        "flr_loader_pinned",
    }
    assert {*METRICS, *HELP} - stems <= derived


def test_what_is_aside_on_the_page_is_aside_in_alerts_and_on_the_dashboard() -> None:
    selectors = {hit for _, expression in expressions() for hit in re.findall(r'route!~"([^"]*)"', expression)}
    (selector,) = selectors
    pattern = re.compile(selector)
    assert [one for one in TEMPLATES if pattern.fullmatch(one)] == [one for one in TEMPLATES if one.startswith(ASIDE)]


def test_the_dashboard_asks_for_its_data_source_and_has_its_panels_beside_one_another() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert [one["name"] for one in dashboard["templating"]["list"] if one["type"] == "datasource"] == ["datasource"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["description"]
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("wrong", ["flr_nothing > 0", 'sum by (nobody) (flr_workers{place="x"})'])
def test_the_tests_see_what_is_not_there(wrong: str) -> None:
    (name, selected), *_ = named(wrong)
    labels = labels_of(name)
    assert labels is None or not selected <= labels
