"""The page in a real browser: it renders, asks nobody for anything, and can be read with any hand.

Chromium and its driver come from the system's packages. Where they are missing the tests skip, but
not where `CI` is set: there a report that nobody opened would pass.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from comparisons import WRONG, row, side_by_side
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from traces import Plan, make_trace

from cqrs_sim.analysis.consistency import CheckResult
from cqrs_sim.report.architectures_page import write_architectures_page
from cqrs_sim.report.page import report_html, write_report
from cqrs_sim.results import Result
from cqrs_sim.scenario.parts import Run
from cqrs_sim.scenario.scenario import Scenario

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\">"
SECOND = 1_000_000_000
DESKTOP, PHONE = (1280, 900), (360, 740)


def make_result(name: str) -> Result:
    trace = make_trace(
        Plan(seconds=8.0, drain_s=1.0, read_ns=(("orders", 500_000), ("search", 1_400_000)))
    )
    trace = attrs.evolve(trace, order_ids=tuple(f"{name}-{n}" for n in range(len(trace.order_ids))))
    run = Run(duration=8 * SECOND, warm_up=SECOND, drain=SECOND)
    check = CheckResult(name="found", ok=True, detail=f"order {name} is right")
    return Result(
        trace=trace,
        scenario=Scenario(name=name, description=name, run=run),
        seed=1,
        engine="virtual",
        extra_checks=(check,),
    )


class Browser:
    """Headless Chromium, and what it did."""

    def __init__(self, chromium: str, driver: str) -> None:
        options = Options()
        options.binary_location = chromium
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        # A given path keeps selenium from looking for a driver, here or in the net.
        self.driver = webdriver.Chrome(options=options, service=Service(executable_path=driver))
        self.resize(DESKTOP)

    def open(self, path: Path) -> None:
        """Load a file, with nothing left in the logs of what was before."""
        for kind in ("browser", "performance"):
            self._log(kind)
        self.driver.get(path.as_uri())

    def resize(self, size: tuple[int, int], *, is_phone: bool = False) -> None:
        """The size of the page; a window has a least width, so it is emulated."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def errors(self) -> list[str]:
        """What stands in the console since the page was opened."""
        return [entry["message"] for entry in self._log("browser")]

    def requests(self) -> list[str]:
        """What the page asked anybody for, itself aside; tried or refused counts too."""
        sent = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        addresses = [
            message["params"]["request"]["url"]
            for message in sent
            if message["method"] == "Network.requestWillBeSent"
        ]
        return [address for address in addresses if address != self.driver.current_url]

    def _log(self, kind: str) -> list[dict[str, Any]]:
        """What was logged since the last time it was asked for."""
        entries: list[dict[str, Any]] = self.driver.get_log(kind)  # type: ignore[no-untyped-call]
        return entries

    def run(self, script: str, *arguments: object) -> Any:
        """The value of some JavaScript."""
        return self.driver.execute_script(f"return {script}", *arguments)

    def find(self, selector: str) -> WebElement:
        """The first element that matches."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def find_all(self, selector: str) -> list[WebElement]:
        """All elements that match."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()


def found_or_skipped(environment: Mapping[str, str]) -> tuple[str, str]:
    """Paths of browser and driver; without them the test is skipped, or fails in CI."""
    path = environment.get("PATH", "")
    chromium, driver = (shutil.which(name, path=path) for name in ("chromium", "chromedriver"))
    if chromium is not None and driver is not None:
        return chromium, driver
    reason = "no browser: install the Debian packages chromium and chromium-driver"
    if environment.get("CI"):
        pytest.fail(f"{reason}; in CI this test may not be skipped")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    opened = Browser(*found_or_skipped(os.environ))
    yield opened
    opened.driver.quit()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(make_result(HOSTILE), path)
    return path


@pytest.fixture
def page(browser: Browser, report: Path) -> Browser:
    browser.resize(DESKTOP)
    browser.open(report)
    return browser


def test_without_a_browser_these_tests_skip_but_fail_in_ci(tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="install the Debian packages chromium"):
        found_or_skipped({"PATH": str(tmp_path)})
    with pytest.raises(pytest.fail.Exception, match="in CI this test may not be skipped"):
        found_or_skipped({"PATH": str(tmp_path), "CI": "true"})


def test_the_page_renders_without_an_error_in_the_console(page: Browser) -> None:
    assert page.find("h1").text.startswith("SATURATED: search")
    charts = page.find_all("figure[data-chart]")
    assert len(charts) == 10
    for path in page.find_all("svg.curves path"):
        assert path.get_attribute("d") != ""
    box = page.run("document.querySelector('#visibility svg.curves').getBoundingClientRect().width")
    assert box > 250
    # The style applies, so the policy lets it: else the legend of phones would be seen here.
    assert not page.find(".legend").is_displayed()
    assert page.errors() == []


def test_no_request_leaves_the_file(page: Browser) -> None:
    assert page.requests() == []
    assert page.run("performance.getEntriesByType('resource').length") == 0


def test_an_order_id_that_is_markup_stays_text(page: Browser) -> None:
    assert page.driver.title == f"{HOSTILE}: cqrs_sim report"
    assert page.find(".kicker strong").text == HOSTILE
    assert f"order {HOSTILE} is right" in page.find("#evidence").text
    assert f"The busiest order, {HOSTILE}-" in page.find("#stages").text
    assert page.find_all("img") == []
    assert page.run("document.scripts.length") == 1


def test_the_pointer_reads_the_values_of_the_table(page: Browser) -> None:
    area = page.find("#visibility svg.area")
    tip = page.find("#visibility .tip")
    assert not tip.is_displayed()
    ActionChains(page.driver).move_to_element(area).perform()
    assert tip.is_displayed()
    assert row_shown(page, "visibility") in rows_of(page, "visibility")
    assert len(page.find_all("#visibility .cursor")) == 1
    assert page.find_all("#visibility circle.read")
    ActionChains(page.driver).move_to_element(page.find("h1")).perform()
    assert not tip.is_displayed()
    assert page.errors() == []


def test_the_arrow_keys_move_the_reading_and_it_is_spoken(page: Browser) -> None:
    focus(page, "visibility")
    rows = rows_of(page, "visibility")
    live = page.find("#visibility [aria-live=polite]")
    assert row_shown(page, "visibility") == rows[0]
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert row_shown(page, "visibility") == rows[1]
    spoken = live.get_attribute("textContent") or ""
    assert spoken.startswith(f"{rows[1][0]}: orders {rows[1][1]}, ")
    page.press(Keys.END)
    assert row_shown(page, "visibility") == rows[-1]
    page.press(Keys.ARROW_RIGHT)
    assert row_shown(page, "visibility") == rows[-1]
    page.press(Keys.HOME)
    assert row_shown(page, "visibility") == rows[0]
    page.press(Keys.ESCAPE)
    assert not page.find("#visibility .tip").is_displayed()


def test_every_chart_can_be_reached_and_read_with_the_keyboard(page: Browser) -> None:
    keys = [chart.get_attribute("id") for chart in page.find_all("figure[data-chart]")]
    for key in keys:
        assert key is not None
        focus(page, key)
        page.press(Keys.END)
        assert row_shown(page, key) == rows_of(page, key)[-1], key
    assert page.errors() == []


def test_stage_bars_are_read_row_by_row(page: Browser) -> None:
    focus(page, "stages")
    page.press(Keys.ARROW_DOWN)
    assert row_shown(page, "stages") == rows_of(page, "stages")[1]
    assert len(page.find_all("#stages g.bar.is-read")) == 1


def test_a_phone_of_360_pixels_never_scrolls_sideways(page: Browser) -> None:
    page.resize(PHONE, is_phone=True)
    page.run("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert page.run("document.documentElement.scrollWidth") <= 360
    assert page.run("window.innerWidth") == 360
    assert page.find("#visibility .legend").is_displayed()
    focus(page, "lag-tail")
    page.press(Keys.END)
    assert page.run("document.documentElement.scrollWidth") <= 360


def test_a_table_that_is_too_wide_shows_it_and_scrolls_by_the_keyboard(page: Browser) -> None:
    page.resize(PHONE, is_phone=True)
    wide = "document.querySelector('#answers .scroll')"
    assert page.run(f"{wide}.scrollWidth > {wide}.clientWidth")
    assert "gradient" in page.run(f"getComputedStyle({wide}).backgroundImage")
    page.run(f"{wide}.focus({{focusVisible: true}})")
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    # Scrolling is animated, so the browser is asked until it has moved.
    WebDriverWait(page.driver, 10).until(lambda _: page.run(f"{wide}.scrollLeft") > 0)


def test_a_phone_and_a_screen_each_show_their_own_layout_of_texts(page: Browser) -> None:
    wide, narrow = (f"#lag-time-1 text.{kind}" for kind in ("wide", "narrow"))
    assert page.find_all(f"{wide}, {narrow}"), "this run has a text that a phone puts elsewhere"
    for size, is_phone in ((DESKTOP, False), (PHONE, True)):
        page.resize(size, is_phone=is_phone)
        shown, hidden = (narrow, wide) if is_phone else (wide, narrow)
        assert all(text.is_displayed() for text in page.find_all(shown))
        assert not any(text.is_displayed() for text in page.find_all(hidden))


@pytest.mark.parametrize("width", [480, 761, 900, 1600])
def test_nor_does_any_other_screen(page: Browser, width: int) -> None:
    page.resize((width, 900))
    assert page.run("document.documentElement.scrollWidth") <= width


def test_dark_mode_is_dark_and_still_readable(page: Browser) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        paper, ink = (
            luminance(page.run(f"getComputedStyle(document.body).{name}"))
            for name in ("backgroundColor", "color")
        )
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert paper < 0.05
    assert (ink + 0.05) / (paper + 0.05) > 7.0


def test_the_scenario_is_open_on_paper(page: Browser) -> None:
    assert page.run("document.querySelector('details.printed').open") is False
    page.driver.execute_cdp_cmd("Page.printToPDF", {})
    assert page.run("document.querySelector('details.printed').open") is True


def test_the_policy_stops_what_should_get_through_nevertheless(
    browser: Browser, tmp_path: Path
) -> None:
    """And the checks of console and requests see what a page without the policy would do."""
    html = report_html(make_result("plain"))
    planted = html.replace(
        "<main>", f"<main>{HOSTILE[9:]}<script>document.title = 'owned'</script>"
    )
    guarded, naked = tmp_path / "guarded.html", tmp_path / "naked.html"
    guarded.write_text(planted, encoding="utf-8")
    naked.write_text(planted.replace("Content-Security-Policy", "no-policy"), encoding="utf-8")
    browser.open(guarded)
    assert browser.driver.title == "plain: cqrs_sim report"
    assert any("Content Security Policy" in error for error in browser.errors())
    browser.open(naked)
    assert browser.driver.title == "owned"
    assert [Path(address).name for address in browser.requests()] == ["x"]
    assert browser.errors() != []


def focus(page: Browser, key: str) -> None:
    """As the tabulator key does: a focus that is meant to be seen."""
    page.run("arguments[0].focus({focusVisible: true})", page.find(f"#{key} .plot"))


def rows_of(page: Browser, key: str) -> list[list[str]]:
    """The cells of a chart's table, with their units."""
    script = """((key) => {
        const table = document.querySelector(`#${key} table.readings`);
        const units = [...table.tHead.rows[0].cells].map((cell) => cell.dataset.unit);
        return [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell, i) =>
            i && units[i] && cell.textContent !== "-" ? `${cell.textContent} ${units[i]}`
                                                      : cell.textContent));
    })(arguments[0])"""
    found: list[list[str]] = page.run(script, key)
    return found


def row_shown(page: Browser, key: str) -> list[str]:
    """What the tip of a chart says: where, then one value a curve."""
    parts = page.find_all(f"#{key} .tip strong, #{key} .tip b")
    return [part.get_attribute("textContent") or "" for part in parts]


def luminance(colour: str) -> float:
    """Relative luminance of a colour such as `rgb(18, 21, 24)` (WCAG 2)."""
    channels = [int(part) / 255 for part in colour[4:-1].split(",")]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.fixture(scope="module")
def architectures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both substrates' worth of rows, one of them wrong and bearing a hostile name."""
    path = tmp_path_factory.mktemp("architectures") / "architectures.html"
    wrong = row(HOSTILE, diverged=WRONG, stale_from_cache=9)
    rows = tuple(
        attrs.evolve(one, substrate=substrate, stored_bytes=1_234_567)
        for substrate in ("modelled", "memory")
        for one in (row("crud"), wrong)
    )
    write_architectures_page(side_by_side(*rows), {"modelled": "modelled costs"}, path)
    return path


def test_the_page_of_architectures_renders_alone_and_every_figure_is_read_with_the_keyboard(
    browser: Browser, architectures: Path
) -> None:
    browser.resize(DESKTOP)
    browser.open(architectures)
    keys = [chart.get_attribute("id") for chart in browser.find_all("figure[data-chart]")]
    # Six questions on two substrates; four kinds of what there is to run, the same on both.
    assert len(keys) == 16
    for key in keys:
        assert key is not None
        focus(browser, key)
        browser.press(Keys.END)
        assert row_shown(browser, key) == rows_of(browser, key)[-1], key
    assert len(browser.find_all("line.control")) == 16
    assert browser.find_all("img") == []
    assert browser.errors() == []
    assert browser.requests() == []


def test_the_page_of_architectures_fits_a_phone_numbers_at_the_bars_included(
    browser: Browser, architectures: Path
) -> None:
    browser.resize(PHONE, is_phone=True)
    browser.open(architectures)
    assert browser.run("document.documentElement.scrollWidth") <= 360
    ends = browser.run(
        "[...document.querySelectorAll('text.total')].map((t) => t.getBoundingClientRect().right)"
    )
    assert max(ends) <= 360
