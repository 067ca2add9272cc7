"""The report of a two-week run: what it weighs, and how long a browser takes to open it.

Headless Chromium opens report.html of the quickstart, as `dr-sim run` wrote it, from the file, with
nothing in its caches (a browser and a profile of its own each time). Measured inside the page, from
the start of the navigation (the browser's own performance entries): the first contents painted, the
load event, and all charts drawn. Wanted: drawn in under 2 s, under 6 MB.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dr_sim.loading import load_scenario
from dr_sim.results.run_folder import REPORT_FILE, write_results
from dr_sim.runs.run import run

ROOT = Path(__file__).resolve().parents[1]
MOST_BYTES, MOST_MS = 6_000_000, 2000.0
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
CHARTS_DRAWN = "document.documentElement.dataset.drawn === 'true'"
# asked at every frame from the first on; a frame that finds all charts idle comes after they were
# drawn
_WATCH = f"""
const look = () => {{
  if ({CHARTS_DRAWN}) window.drawn = performance.now()
  else requestAnimationFrame(look)
}}
requestAnimationFrame(look)
"""
_TIMES = """
const done = arguments[arguments.length - 1]
const look = () => {
  const paint = performance.getEntriesByName('first-contentful-paint')[0]
  if (!window.drawn || !paint) return setTimeout(look, 20)
  const loaded = performance.getEntriesByType('navigation')[0].loadEventEnd
  done({painted: paint.startTime, loaded, drawn: window.drawn})
}
look()
"""


@contextmanager
def open_browser(profile: Path) -> Iterator[Any]:
    """Headless Chromium with a profile of its own that asks the network for nothing by itself."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--window-size=1200,1000",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(
        options=options, service=webdriver.ChromeService(executable_path=DRIVER)
    )
    driver.set_script_timeout(20)
    driver.set_page_load_timeout(30)
    try:
        yield driver
    finally:
        driver.quit()


def times(driver: Any, page: Path) -> dict[str, float]:
    """Milliseconds from the start of the navigation until contents were painted, the page was
    loaded, all charts drawn.
    """
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _WATCH})
    driver.get(page.as_uri())
    return dict(driver.execute_async_script(_TIMES))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", type=int, default=7, help="times it is opened")
    a = parser.parse_args()
    if CHROMIUM is None or DRIVER is None:
        raise SystemExit(
            "needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)"
        )
    with tempfile.TemporaryDirectory() as made:
        write_results(run(load_scenario(ROOT / "scenarios/quickstart.yaml")), Path(made) / "run")
        page = Path(made) / "run" / REPORT_FILE
        print(
            f"report of two weeks    {page.stat().st_size / 1e6:6.2f} MB (wanted: below "
            f"{MOST_BYTES / 1e6:g})"
        )
        found = []
        for i in range(a.n):
            with open_browser(Path(made) / f"profile {i}") as driver:
                found.append(times(driver, page))
    for key, words, wanted in (
        ("painted", "first contents", ""),
        ("loaded", "load event", ""),
        ("drawn", "all charts drawn", f" (wanted: below {MOST_MS / 1000:g})"),
    ):
        each = [of[key] / 1000 for of in found]
        print(
            f"{words:<23}{statistics.median(each):6.2f} s [{min(each):.2f}, "
            f"{max(each):.2f}] in {a.n} browsers{wanted}"
        )


if __name__ == "__main__":
    main()
