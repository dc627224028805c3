"""Write the dashboard for Grafana, `deploy/observability/dashboard.json`; `--check` only tells whether it is stale."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from dashboard_panels import PANELS, VERSIONS, Panel

FILE = Path(__file__).parent.parent / "deploy" / "observability" / "dashboard.json"
SOURCE = {"type": "prometheus", "uid": "${source}"}
GREEN, ORANGE, RED = "#2e9e5b", "#e08a1e", "#d64545"
COLOURS = {"clean": GREEN, "degraded": ORANGE, "forced": RED, "cancelled": "#8a94a6"}
TYPES = {"stat": "stat", "ranks": "bargauge", "bars": "timeseries", "lines": "timeseries"}
HEIGHTS = {"stat": 4, "ranks": 9, "bars": 7, "lines": 7}
DRAWN = {
    "bars": {"drawStyle": "bars", "fillOpacity": 80, "lineWidth": 0, "stacking": {"mode": "normal"}},
    "lines": {"drawStyle": "line", "lineWidth": 2, "fillOpacity": 8, "spanNulls": True},
}
LAST = {"calcs": ["lastNotNull"]}
OPTIONS = {
    "stat": {"reduceOptions": LAST, "colorMode": "value", "graphMode": "none"},
    "ranks": {"reduceOptions": LAST, "orientation": "horizontal", "displayMode": "basic"},
}
CHART = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}


def shown(number: int, x: int, y: int, panel: Panel) -> dict[str, Any]:
    """Return one *panel* at its place."""
    at_once = panel.shape in OPTIONS
    targets = [
        {"refId": chr(65 + index), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
        | {"instant": at_once, "range": not at_once}
        for index, (expression, legend) in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "title": panel.title,
        "description": panel.text,
        "type": TYPES[panel.shape],
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": HEIGHTS[panel.shape]},
        "targets": targets,
        "fieldConfig": {"defaults": defaults(panel), "overrides": overrides()},
        "options": OPTIONS.get(panel.shape, CHART),
    }


def defaults(panel: Panel) -> dict[str, Any]:
    """Return how the values of a panel are shown: a share of less than 99 % is not green, nor is anything killed."""
    share, gone = panel.unit == "percentunit", panel.title in {"Killed", "Dead letters"}
    levels: list[tuple[str, float | None]] = [("blue", None)]
    if share:
        levels = [(RED, None), (ORANGE, 0.95), (GREEN, 0.99)]
    elif gone:
        levels = [(GREEN, None), (RED, 0.5)]
    steps = [{"color": colour, "value": value} for colour, value in levels]
    return {
        "unit": panel.unit,
        "min": 0,
        "thresholds": {"mode": "absolute", "steps": steps},
        "color": {"mode": "thresholds" if panel.shape == "stat" else "palette-classic"},
        "custom": DRAWN.get(panel.shape, {}),
        **({"max": 1} if share else {}),
        **({"decimals": 0} if panel.unit == "none" else {}),
    }


def overrides() -> list[dict[str, Any]]:
    """Return the colours of the verdicts, which are the same everywhere."""
    return [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
        }
        for name, colour in COLOURS.items()
    ]


def variables() -> list[dict[str, Any]]:
    """Return what can be chosen above the panels."""
    query = "label_values(processender_shutdowns_initiated_total, service)"
    every = {"multi": True, "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}}
    service = {"name": "service", "label": "Service", "type": "query", "datasource": SOURCE, "refresh": 2, "sort": 1}
    return [
        {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
        {**service, "query": query, "definition": query, **every},
    ]


def marks() -> dict[str, Any]:
    """Return what draws a line where another version begins."""
    titles = {"titleFormat": "{{service}} {{version}}", "textFormat": "{{deployment}}"}
    return {"name": "Versions", "datasource": SOURCE, "enable": True, "iconColor": "blue", "expr": VERSIONS, **titles}


def dashboard() -> dict[str, Any]:
    """Return the whole dashboard."""
    panels: list[dict[str, Any]] = []
    x = y = height = 0
    for number, panel in enumerate(PANELS, 1):
        if x + panel.width > 24:
            x, y, height = 0, y + height, 0
        panels.append(shown(number, x, y, panel))
        x, height = x + panel.width, max(height, HEIGHTS[panel.shape])
    return {
        "uid": "processender",
        "title": "How processes end",
        "tags": ["processender"],
        "schemaVersion": 38,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "templating": {"list": variables()},
        "annotations": {"list": [marks()]},
        "panels": panels,
    }


def main() -> int:
    """Write it, or tell whether it is stale."""
    text = json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"
    if "--check" in sys.argv:
        stale = not FILE.exists() or FILE.read_text(encoding="utf-8") != text
        print(f"{FILE.name} is {'stale: run tools/dashboard.py' if stale else 'as it should be'}")
        return int(stale)
    FILE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
