"""The page in a real browser: it is read, pointed at, steered by keys, and switched to the other theme."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from processender.archive.answers import Counts, Overview, Question
from processender.html import page as page_of
from tests.integration.browsers import chromium, opened
from tests.overviews import account, overview

NASTY = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&\n" + "y" * 10_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a browser."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the file of a page."""
    return written(tmp_path_factory.mktemp("page"), overview())


def written(directory: Path, made: Overview, said: dict[str, object] | None = None) -> str:
    """Write the page of *made* and return its path."""
    file = directory / "page.html"
    text = "".join(page_of(made, said or account(), ["Worse since 1.4.2: 97.0 % graceful, 99.0 % before."]))
    file.write_text(text, encoding="utf-8")
    return str(file)


def violations(page: Page, rules: list[str] | None = None) -> list[str]:
    """Return what axe finds wrong by *rules*, by all of them without; each with the first place."""
    options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


def ground(page: Page) -> str:
    """Return the colour of the page."""
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_the_figures_can_be_read(browser: Browser, path: str) -> None:
    """The share, how many of each verdict, and each section has its headline."""
    counts = overview().counts
    with opened(browser, path) as page:
        big = page.locator(".big").inner_text()
        legend = page.locator(".hero .legend").inner_text()
        heads = page.get_by_role("heading", level=2).all_inner_texts()

    assert big.startswith("98.")
    assert f"of {counts.runs:,} ended gracefully" in big
    assert all(
        f"{number:,} {verdict}" in legend for verdict, number in (("clean", counts.clean), ("killed", counts.killed))
    )
    assert ["Day by day", "How long handlers take", "What was not done", "The newest runs"] == [
        head
        for head in heads
        if head in {"Day by day", "How long handlers take", "What was not done", "The newest runs"}
    ]


def test_who_points_at_something_is_told_of_it(browser: Browser, path: str) -> None:
    """At a day, a handler, an attempt that failed; and no more when the pointer leaves, or with Escape."""
    with opened(browser, path) as page:
        tip = page.locator("#tip")
        page.locator(".column").nth(60).hover()
        told = tip.inner_text()
        page.keyboard.press("Escape")
        gone = tip.is_hidden()
        page.locator(".handlers .p95").nth(1).hover()
        bar = tip.inner_text()
        page.locator(".gantt .o-again").hover()
        attempt = tip.inner_text()
        page.locator("h1").hover()

        assert tip.is_hidden()
    assert told.startswith("2026-10-31: ")
    assert "incident zone b lost power" in told
    assert gone
    assert "flush orders: p50 1.20 s, p95 6.90 s, time-out 8.00 s" == bar
    assert "attempt 1 failed: ConnectionError: reset by peer; on the critical path" in attempt


def test_the_trend_is_read_with_the_keyboard_alone(browser: Browser, path: str) -> None:
    """The arrow keys go from day to day, and the ends are ends."""
    with opened(browser, path) as page:
        page.locator(".chart").focus()
        seen = []
        for key in ("ArrowLeft", "ArrowLeft", "End", "ArrowRight", "Home", "ArrowLeft"):
            page.keyboard.press(key)
            seen.append(page.locator("#tip").inner_text().split(":")[0])
        live = page.locator("#tip").get_attribute("role")

    assert ["2026-11-29", "2026-11-28", "2026-11-29", "2026-11-29", "2026-09-01", "2026-09-01"] == seen
    assert "status" == live


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_follows_the_system_until_it_is_switched(browser: Browser, path: str, scheme: str) -> None:
    """By the keyboard, too; and the choice is kept for the next time."""
    with opened(browser, path, scheme) as page:
        first = ground(page)
        page.locator(".theme").focus()
        page.keyboard.press("Enter")
        switched = ground(page)
        page.reload()
        kept = ground(page)
        name = page.locator(".theme").get_attribute("aria-label")

    assert {"rgb(251, 250, 247)", "rgb(20, 23, 28)"} == {first, switched}
    assert (first == "rgb(20, 23, 28)") is (scheme == "dark")
    assert (switched, f"Switch to the {scheme} theme") == (kept, name)


def test_nothing_on_it_is_out_of_reach_for_anybody(browser: Browser, tmp_path: Path) -> None:
    """Axe finds no violation, also with everything folded open; in the dark the other colours are looked at."""
    made = overview(days=6)
    with opened(browser, written(tmp_path, made.replace(recent=made.recent[:9]))) as page:
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        in_the_light = violations(page)
        page.locator(".theme").click()
        in_the_dark = violations(page, ["color-contrast"])

    assert ([], []) == (in_the_light, in_the_dark)


def test_a_telephone_is_wide_enough(browser: Browser, path: str) -> None:
    """What is wider scrolls within itself."""
    with opened(browser, path, width=360) as page:
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")

        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_hostile_names_run_nothing(browser: Browser, tmp_path: Path) -> None:
    """They are read as they are, and cut."""
    made = overview()
    worst = made.replace(
        question=Question(NASTY),
        causes=tuple(each.replace(name=NASTY) for each in made.causes),
        handlers=tuple(each.replace(name=NASTY, reasons={NASTY: 3}) for each in made.handlers),
        marks=tuple(each.replace(text=NASTY) for each in made.marks),
        recent=tuple(each.replace(cause=NASTY, node=NASTY) for each in made.recent),
    )
    said = account()
    said["handlers"] = [{**each, "name": NASTY, "reason": NASTY} for each in said["handlers"]]
    with opened(browser, written(tmp_path, worst, said)) as page:
        name = page.locator("h1").inner_text()
        alien = page.locator("img, body script:not(:last-child)").count()
        page.locator(".gantt [data-tip]").nth(2).hover()
        tip = page.locator("#tip").inner_text()

        assert [] == violations(page, ["aria-valid-attr", "duplicate-id", "svg-img-alt", "empty-table-header"])
        assert page.evaluate("document.documentElement.scrollWidth") <= 1200
    assert name.startswith("<script>alert('x')</script>")
    assert tip.startswith("<script>alert('x')</script>")
    assert 0 == alien


def test_a_page_without_a_run_is_a_page(browser: Browser, tmp_path: Path) -> None:
    """It says that there is nothing yet."""
    empty = Overview(Question(), Counts(), 0.0, 0.0, (), (), (), (), (), (), (), (), (), ())
    with opened(browser, written(tmp_path, empty)) as page:
        assert "No end of a process is on record" in page.locator("main").inner_text()
