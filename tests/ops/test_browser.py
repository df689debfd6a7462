"""The operations page in a real browser: alive, silent on the console, and for whoever reads it with whatever."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import tiny
from tests.service import PATIENCE_SECONDS, ROOT, Service

PATIENCE_MS = PATIENCE_SECONDS * 1000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:  # a compiler is all that the README asks for; where it counts, it has to be there
        assert "CI" not in os.environ, "chromium is not installed (Debian: apt install chromium)"
        pytest.skip("chromium is not installed (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"], timeout=PATIENCE_MS
        )
        yield started
        started.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    tiny.announce(folder, tiny.generation(folder, 1).name)
    return folder


@pytest.fixture
def service(data: Path) -> Iterator[Service]:
    command = [sys.executable, "-m", "lookup", "serve", "--data-dir", str(data), "--port", "0"]
    with Service(data, workers=1, command=command, FLR_STALE_WARN_HOURS="0") as started:
        started.wait("serving")
        yield started


@pytest.fixture
def credentials(data: Path) -> dict[str, str]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "lookup", "clients", "add", "night", "--org", "974767880"),
            *("--role", "FlrOperator", "--data-dir", str(data), "--json"),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    told = json.loads(done.stdout)
    return {"username": told["name"], "password": told["password"]}


def opened(browser: Browser, service: Service, credentials: dict[str, str], **more: Any) -> tuple[Page, list[str]]:
    """The page, and what its console says and what it asks of others."""
    page = browser.new_context(http_credentials=credentials, **more).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(PATIENCE_MS)
    here = f"http://127.0.0.1:{service.address['port']}"
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith((here, "data:")) else said.append(asked.url))
    answer = page.goto(f"{here}/ops")
    assert answer is not None
    assert answer.status == 200
    return page, said


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_everybody_and_says_nothing_on_the_console(
    browser: Browser, data: Path, credentials: dict[str, str], service: Service, scheme: str
) -> None:
    (data / "PIN").write_text("9-0a1b2c3d\n")  # so that there is something to find
    page, said = opened(browser, service, credentials, color_scheme=scheme)
    expect(page.get_by_role("heading", level=1)).to_have_text("Look here")
    for width in (1280, 500):
        page.set_viewport_size({"width": width, "height": 900})
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert len(found.response["passes"]) > 20
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert said == []
    page.context.close()


def test_it_is_alive_and_says_when_it_is_no_more(
    browser: Browser, data: Path, credentials: dict[str, str], service: Service
) -> None:
    page, said = opened(browser, service, credentials)
    expect(page).to_have_title("OK – " + os.uname().nodename + " – Fastlegeregisteret")
    expect(page.locator("#verdict")).to_contain_text("Generation 1 is in service")
    page.evaluate("window.sameDocument = true")
    page.locator("#commands code").first.select_text()
    second = tiny.generation(data, 2).name
    tiny.announce(data, second)
    expect(page.locator("#verdict")).to_contain_text("Generation 2 is in service")
    expect(page.locator("#workers")).to_contain_text(second)
    assert page.evaluate("getSelection().toString()").startswith("flr-loader rollback")
    assert page.evaluate("window.sameDocument") is True
    assert page.locator("#lost").is_hidden()
    assert said == []
    service.process.terminate()
    expect(page.locator("#lost")).to_be_visible()
    expect(page.locator("#lost")).to_contain_text("Not updated since")
    page.context.close()


def test_it_is_whole_without_its_script(browser: Browser, credentials: dict[str, str], service: Service) -> None:
    page, said = opened(browser, service, credentials, java_script_enabled=False)
    expect(page.locator("#verdict")).to_contain_text("Generation 1 is in service")
    assert page.locator("#charts svg").count() == 3
    assert page.locator("#lost").is_hidden()
    assert said == []
    page.context.close()
