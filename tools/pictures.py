"""
Make the pictures of `docs/pictures`: the report on a terminal and as a page, of a history that the shop has left.

`--state DIRECTORY` shows a history that is there already, see `python -m demo.history`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from playwright.sync_api import FloatRect, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from demo import history  # noqa: E402 - the demo stands beside the package, not in it
from processender.html.markup import Markup, element  # noqa: E402 - as above

PICTURES = ROOT / "docs" / "pictures"
WIDTH = 92
"""How wide the terminal is, in columns."""
COLUMN, LINE, EDGE = 8.43, 18, 18
"""How wide a column and how high a line of the picture is, and its edge, in pixels."""
COLOURS = {
    "1": "font-weight:700", "2": "fill:#8b949e", "31": "fill:#ff8a80", "32": "fill:#7fc8a9",
    "33": "fill:#e3b95c", "34": "fill:#8cc4d6",
}  # fmt: skip
"""How the styles of a terminal look, by their codes."""
FONT = "14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
BLOCKS = {
    "█": (1.0, 1.0), "▓": (1.0, 0.5), "░": (1.0, 0.2),
    **{sign: ((number + 1) / 8, 1.0) for number, sign in enumerate("▁▂▃▄▅▆▇")},
}  # fmt: skip
"""Signs that are drawn, since no font joins them: how high, and how opaque."""
_STYLED = re.compile("\x1b\\[([0-9;]*)m")
_PIECE = re.compile(f"([{''.join(BLOCKS)}])\\1*|[^\\s{''.join(BLOCKS)}]+(?: [^\\s{''.join(BLOCKS)}]+)*")


def report(state: Path, *options: str) -> str:
    """Return what `processender report` says with *options* on a terminal in colour."""
    environ = os.environ | {"PROCESSENDER_STATE": str(state), "FORCE_COLOR": "1", "COLUMNS": str(WIDTH)}
    environ |= {"PYTHONUTF8": "1", "TERM": "xterm"}
    command = [sys.executable, "-m", "processender", "report", "shop", "--since", "60d", *options]
    return subprocess.run(command, env=environ, check=True, capture_output=True, encoding="utf-8").stdout


def spans(line: str) -> Iterator[tuple[int, str, str]]:
    """Give the styled pieces of a *line*: at which column, the codes of the style, and the text."""
    column, codes = 0, ""
    for place, piece in enumerate(_STYLED.split(line)):
        if place % 2:
            codes = "" if piece in {"", "0"} else piece
            continue
        for word in _PIECE.finditer(piece):
            yield column + word.start(), codes, word[0]
        column += len(piece)


def drawn(number: int, column: int, codes: str, piece: str) -> Markup:
    """Return a *piece* of the line with that *number*: words, or a bar."""
    x, y, width = round(EDGE + column * COLUMN, 1), float(EDGE + number * LINE), round(len(piece) * COLUMN, 1)
    style = ";".join(COLOURS[code] for code in codes.split(";") if code) or None
    if piece[0] in BLOCKS:
        share, opacity = BLOCKS[piece[0]]
        height = round((LINE - 4) * share, 1)
        style = style or "fill:#e4e6ea"
        y = round(y + LINE - 2 - height, 1)
        return element("rect", x=x, y=y, width=width, height=height, opacity=opacity, style=style)
    # Whatever the font is, each piece takes its columns.
    return element("text", piece, x=x, y=y + 14, textLength=width, lengthAdjust="spacingAndGlyphs", style=style)


def terminal(command: str, text: str) -> str:
    """Return the picture of a terminal, an SVG, on which *command* has said *text*."""
    lines = [f"\x1b[2m$\x1b[0m \x1b[1m{command}\x1b[0m", "", *text.rstrip("\n").split("\n")]
    width, height = round(WIDTH * COLUMN + 2 * EDGE), len(lines) * LINE + 2 * EDGE
    words = [drawn(number, *span) for number, line in enumerate(lines) for span in spans(line)]
    ground = element("rect", width=width, height=height, rx=8, fill="#14171c")
    style = element("style", Markup(f"text{{font:{FONT};fill:#e4e6ea;white-space:pre}}"))
    title = element("title", f"What {command} says")
    return element(
        "svg", title, style, ground, words, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width} {height}",
        width=width, height=height, role="img",
    )  # fmt: skip


def photograph(state: Path) -> None:
    """Open the page in a browser, and take a picture of its upper part and of its run, in both themes."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder, "report.html")
        report(state, "--html", str(file))
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        screen: ViewportSize = {"width": 1180, "height": 1000}
        schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
        for scheme in schemes:
            page = browser.new_page(color_scheme=scheme, viewport=screen, device_scale_factor=1.5)
            page.goto(f"file://{file}")
            ends = page.get_by_role("heading", name="How long handlers take").bounding_box()
            assert ends is not None  # the shop has handlers
            clip: FloatRect = {"x": 0, "y": 0, "width": 1180, "height": ends["y"] - 40}
            page.screenshot(path=PICTURES / f"page-{scheme}.png", full_page=True, clip=clip)
            run = page.locator("section", has=page.get_by_role("heading", name="The run in detail")).last
            place = run.bounding_box()
            assert place is not None  # the last run is shown
            clip = {"x": 0, "y": place["y"] + 8, "width": 1180, "height": place["height"] + 16}
            page.screenshot(path=PICTURES / f"run-{scheme}.png", full_page=True, clip=clip)
        browser.close()


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, help="a state directory with the history of a shop")
    options = parser.parse_args()
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="processender-pictures-") as folder:
        state = options.state or Path(folder)
        if options.state is None:
            asyncio.run(history.make(state, 420))
        (PICTURES / "report.svg").write_text(terminal("processender report", report(state)), encoding="utf-8")
        (PICTURES / "last.svg").write_text(
            terminal("processender report --last", report(state, "--last")), encoding="utf-8"
        )
        photograph(state)
    print(f"the pictures are in {PICTURES}")


if __name__ == "__main__":
    main()
