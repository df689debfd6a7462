"""A real browser, Chromium, at the page: what it shows, what its console says, and what axe finds in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

PATIENCE_MS = 60_000
QUIET = (
    *("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-default-apps", "--no-first-run", "--disable-domain-reliability", "--disable-dev-shm-usage"),
)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]  # what axe calls its rules


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium, without a window."""
    path = shutil.which("chromium")
    if path is None:  # a compiler is all that the README asks for; where it counts, it has to be there
        assert "CI" not in os.environ, "chromium is not installed (Debian: apt install chromium)"
        pytest.skip("chromium is not installed (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET), timeout=PATIENCE_MS)
        try:
            yield browser
        finally:
            browser.close()


class Clinician:
    """Somebody at the page, in a browser of their own. `said` is what the browser's console has said of the page."""

    def __init__(self, browser: Browser, url: str, **kind: Any) -> None:
        self.url = url
        self.context = browser.new_context(ignore_https_errors=True, locale="nb-NO", **kind)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.asked: list[str] = []
        self.context.on("request", lambda request: self.asked.append(request.url))

    def __enter__(self) -> "Clinician":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def press(self, role: Literal["link", "button"], name: str) -> None:
        """Press something that leads to another page, and wait for that."""
        with self.page.expect_navigation():
            self.page.get_by_role(role, name=name).click()

    def enter(self) -> None:
        """The same, by the keyboard."""
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def sign_in(self, name: str = "Kari Lie") -> None:
        self.page.goto(f"{self.url}/oppslag")
        self.press("link", "Logg inn med HelseID")
        self.press("button", name)

    def ask(self, nin: str, reason: str | None = "Øyeblikkelig hjelp") -> str:
        """What stands at the top of what is answered."""
        self.page.get_by_label("Fødselsnummer").fill(nin)
        if reason is not None:
            self.page.get_by_role("radio", name=reason).check()
        self.press("button", "Slå opp")
        return self.page.locator("main h2").first.inner_text()

    def faults(self, rules: list[str]) -> list[str]:
        """What axe finds amiss in what is shown by these rules, in its own words, and where."""
        found = Axe().run(self.page, options={"runOnly": rules})
        assert found.response["passes"], "axe has looked at nothing"
        return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found.response["violations"]]

    def focused(self) -> str:
        """The id of what has the focus."""
        return str(self.page.evaluate("document.activeElement.id"))

    def is_too_wide(self) -> bool:
        """Whether there is anything to the right of the screen."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))
