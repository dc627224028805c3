"""A real browser without a screen, and what a page tells it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium until the block ends."""
    program = shutil.which("chromium")
    assert program, "chromium is needed: `make test` installs it"
    with sync_playwright() as playwright:
        # Root may not use its sandbox, and containers often have no shared memory to speak of.
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, path: str, scheme: str = "light", width: int = 1200) -> Iterator[Page]:
    """Open the file *path*; at the end hold that nothing was complained about, and nothing but it was asked for."""
    complaints: list[str] = []
    asked: list[str] = []
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    try:
        page.goto(f"file://{path}")
        yield page
        assert [] == complaints
        assert {f"file://{path}"} == {url for url in asked if not url.startswith("data:")}
    finally:
        context.close()
