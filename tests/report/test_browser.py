"""The page in a browser: drawn, sorted, pointed at, in light and dark, on a phone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from graphcondense.report import write_report

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"
)
Browser = Any


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    profile = tmp_path_factory.mktemp("profile")
    for flag in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu"):
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={profile}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    browser = webdriver.Chrome(options=options, service=service)
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]) -> str:
    folder = tmp_path_factory.mktemp("runs")
    runs = [
        make_run(folder / "a", "gcond", extra=True),
        make_run(folder / "b", "doscond-x", seed=1, edges=False, score=0.75),
        make_run(folder / "c", "dc", seed=2, pictures=True, evaluated=False, data="digits"),
        make_run(folder / "d", '</script><img src="x" onerror="alert(1)">', seed=3, nodes=40),
    ]
    return write_report(runs, folder / "page.html").as_uri()


@pytest.fixture
def browser(started: Browser, page: str) -> Iterator[Browser]:
    show(started, page)
    yield started
    messages = [entry["message"] for entry in started.get_log("browser")]
    assert messages == []


def show(browser: Browser, page: str, *, width: int = 1200, dark: bool = False) -> None:
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get(page)
    until(browser, lambda _: len(css(browser, ".chart svg")) == len(css(browser, ".chart")) > 0)
    until(browser, lambda _: css(browser, ".node")[0].get_attribute("transform"))


def css(browser: Browser, selector: str) -> list[Any]:
    found: list[Any] = browser.find_elements(By.CSS_SELECTOR, selector)
    return found


def until(browser: Browser, condition: Callable[[Any], Any]) -> None:
    WebDriverWait(browser, 5, poll_frequency=0.05).until(condition)


def scroll(browser: Browser, element: Any) -> None:
    """Bring an element to the middle, and wait for the scroll event, which hides what a pointer
    that moves before it has made the page say."""
    browser.execute_async_script(
        """
        arguments[0].scrollIntoView({block: 'center', behavior: 'instant'});
        requestAnimationFrame(() => requestAnimationFrame(arguments[1]));
        """,
        element,
    )


def click(browser: Browser, element: Any) -> None:
    scroll(browser, element)
    element.click()


def point(browser: Browser, element: Any) -> None:
    scroll(browser, element)
    ActionChains(browser).move_to_element(element).perform()


def tip(browser: Browser) -> str:
    return str(browser.execute_script("return tip.hidden ? '' : tip.textContent"))


def contrast(browser: Browser, selector: str) -> float:
    """Of the text of the first element that fits, on the nearest background below it."""
    colours = browser.execute_script(
        """
        let e = document.querySelector(arguments[0]);
        const ink = getComputedStyle(e).color;
        let back = "rgba(0, 0, 0, 0)";
        for (; e && back === "rgba(0, 0, 0, 0)"; e = e.parentElement)
          back = getComputedStyle(e).backgroundColor;
        return [ink, back];
        """,
        selector,
    )
    low, high = sorted(map(luminance, colours))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    found = re.match(r"rgba?\((\d+), (\d+), (\d+)", colour)
    assert found is not None, colour
    parts = [int(v) / 255 for v in found.groups()]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_every_picture_is_drawn(browser: Browser) -> None:
    assert browser.current_url.startswith("file://")
    for chart in css(browser, ".chart svg"):
        assert chart.size["width"] > 600
        lines = chart.find_elements(By.CSS_SELECTOR, ".curve")
        assert lines
        assert all("NaN" not in line.get_attribute("d") for line in lines)
        assert len(chart.find_elements(By.CSS_SELECTOR, ".grid")) >= 2
    graphs = css(browser, ".graph svg")
    assert [len(g.find_elements(By.CSS_SELECTOR, ".node")) for g in graphs] == [30, 30, 40]
    edges = [len(g.find_elements(By.CSS_SELECTOR, ".edge")) for g in graphs]
    assert edges[0] > 50
    assert edges[1] == 0
    for svg in graphs:
        box = svg.rect
        for node in svg.find_elements(By.CSS_SELECTOR, ".node")[::7]:
            assert box["x"] <= node.rect["x"] <= box["x"] + box["width"]
            assert box["y"] <= node.rect["y"] <= box["y"] + box["height"]
    shown = browser.execute_script(
        "return [...document.images].map(i => [i.complete, i.naturalWidth])"
    )
    assert len(shown) == 31  # 30 images and a picture of privacy
    assert all(done and width > 0 for done, width in shown)


def test_a_table_sorts_up_and_down_also_by_key(browser: Browser) -> None:
    table = next(t for t in css(browser, "#summary table.sortable"))
    heads = table.find_elements(By.CSS_SELECTOR, "th[aria-sort]")
    names = [head.text.split()[0] for head in heads]

    def column(name: str) -> list[str]:
        at = names.index(name) + 1
        return [c.text for c in table.find_elements(By.CSS_SELECTOR, f"tbody td:nth-child({at})")]

    nodes = heads[names.index("nodes")]
    button = nodes.find_element(By.TAG_NAME, "button")
    click(browser, button)
    assert nodes.get_attribute("aria-sort") == "ascending"
    assert column("nodes") == ["30", "30", "30", "40"]
    button.send_keys(Keys.ENTER)
    assert nodes.get_attribute("aria-sort") == "descending"
    assert column("nodes") == ["40", "30", "30", "30"]
    run = heads[names.index("run")]
    click(browser, run.find_element(By.TAG_NAME, "button"))
    assert nodes.get_attribute("aria-sort") == "none"
    assert column("run")[1:] == ["dc", "doscond-x", "gcond"]
    test = heads[names.index("test")]
    for direction in ("ascending", "descending"):
        click(browser, test.find_element(By.TAG_NAME, "button"))
        assert test.get_attribute("aria-sort") == direction
        assert column("test")[-1] == "\N{EN DASH}"  # what is not known comes last both ways
    assert column("test")[0] == "80.0 ± 1.1"


def test_the_heat_map_shows_either_epoch_and_more_on_hover(browser: Browser) -> None:
    cell = css(browser, ".heatcell")[0]
    before = cell.find_element(By.TAG_NAME, "b").text
    click(browser, css(browser, "input[name=epoch]")[1])
    assert (before, cell.find_element(By.TAG_NAME, "b").text) == ("80.0", "77.0")
    point(browser, cell)
    until(browser, tip)
    said = tip(browser)
    for word in ("gcond", "GCN", "80.0 ± 1.1", "77.0 ± 2.2", "4 seeds"):
        assert word in said


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1400, 620])
def test_the_row_below_the_pointer_keeps_its_colours(
    started: Browser, page: str, width: int, dark: bool
) -> None:
    show(started, page, width=width, dark=dark)
    row = ".heat tbody tr"
    count = len(css(started, f"{row}:first-child td"))
    places = [f"{row}:first-child td:nth-child({i + 2})" for i in range(count)]

    def colours() -> list[str]:
        return [
            str(
                started.execute_script(
                    "return getComputedStyle(document.querySelector(arguments[0])).backgroundColor",
                    place,
                )
            )
            for place in places
        ]

    before = colours()
    assert len(set(before)) > 1
    point(started, css(started, places[0])[0])
    until(started, tip)
    assert colours() == before
    for place in (*(f"{p} b" for p in places), f"{row}:first-child th"):
        assert contrast(started, place) >= 4.5, place
    # Rows of other tables do change.
    other = "#summary tbody tr:first-child td"
    calm = started.execute_script(
        "return getComputedStyle(document.querySelector(arguments[0])).backgroundColor", other
    )
    point(started, css(started, other)[0])
    until(
        started,
        lambda b: (
            b.execute_script(
                "return getComputedStyle(document.querySelector(arguments[0])).backgroundColor",
                other,
            )
            != calm
        ),
    )
    assert contrast(started, other) >= 4.5


def test_a_node_says_its_class_and_degree_by_pointer_and_key(browser: Browser) -> None:
    node, other = css(browser, ".graph .node")[:2]
    scroll(browser, node)
    assert not tip(browser)
    browser.execute_script("arguments[0].focus({preventScroll: true})", node)
    drawn = browser.execute_script("return data.graphs['graph-0'].nodes[0]")
    assert f"node 0, class 0\ndegree {drawn[4]}" in tip(browser)
    assert "strongest neighbours" in tip(browser)
    assert len(css(browser, ".graph .edge.lit")) > 0
    node.send_keys(Keys.ARROW_RIGHT)
    assert tip(browser).startswith("node 1, class 1")
    assert browser.switch_to.active_element == other
    browser.execute_script("document.activeElement.blur()")
    assert tip(browser) == ""
    point(browser, node)
    until(browser, tip)
    assert re.match(r"node \d+, class \d", tip(browser))
    assert "degree" in tip(browser)


def test_nodes_without_a_class_are_drawn_and_say_so(
    started: Browser, tmp_path: Path, make_run: Callable[..., Path]
) -> None:
    run = make_run(tmp_path / "run", unlabelled=4)
    show(started, write_report([run], tmp_path / "page.html").as_uri())
    none = css(started, ".graph .node.cink")
    assert len(none) == 4
    assert all(mark.get_attribute("d").startswith("M") for mark in none)
    assert none[0].get_attribute("aria-label").startswith("node 0, no class")
    click(started, css(started, "[data-class='-1']")[0])
    assert len(css(started, ".graph .node:not(.faint)")) == 4
    assert started.get_log("browser") == []


def test_legends_toggle_lines_and_classes(browser: Browser) -> None:
    curves = "[data-chart=loss] .curve"
    count = len(css(browser, curves))
    button = css(browser, "[data-charts~=loss] button")[0]
    click(browser, button)
    assert button.get_attribute("aria-pressed") == "false"
    assert len(css(browser, curves)) == count - 1
    click(browser, button)
    assert len(css(browser, curves)) == count
    click(browser, css(browser, "[data-graph=graph-0] [data-class='1']")[0])
    assert len(css(browser, "[data-graph=graph-0] .node:not(.faint)")) == 10
    click(browser, css(browser, "[data-graph=graph-0] [data-class='1']")[0])
    assert len(css(browser, "[data-graph=graph-0] .node:not(.faint)")) == 30
    before = css(browser, "[data-graph=graph-0] .node")[0].get_attribute("transform")
    zoom = css(browser, ".zoom[data-graph=graph-0] button")
    click(browser, zoom[0])
    assert css(browser, "[data-graph=graph-0] .node")[0].get_attribute("transform") != before
    click(browser, zoom[2])
    assert css(browser, "[data-graph=graph-0] .node")[0].get_attribute("transform") == before


def test_a_chart_says_values_beside_the_pointer(browser: Browser) -> None:
    chart = css(browser, "[data-chart=cost-0] svg")[0]
    point(browser, chart)
    until(browser, lambda _: "trainings" in tip(browser))
    assert re.search(r"whole: \d", tip(browser))


@pytest.mark.parametrize("width", [1200, 390])
def test_light_and_dark_are_both_legible(started: Browser, page: str, width: int) -> None:
    backs = []
    places = ("body", ".sub", ".card .muted", "td", "th button", "figcaption", "footer", "pre code")
    for dark in (False, True):
        show(started, page, width=width, dark=dark)
        backs.append(
            started.execute_script("return getComputedStyle(document.body).backgroundColor")
        )
        for place in places:
            assert contrast(started, place) >= 4.5, (place, dark)
        texts = started.execute_script(
            "return [...document.querySelectorAll('.chart text')]"
            ".map(e => getComputedStyle(e).fill)"
        )
        panel = started.execute_script(
            "return getComputedStyle(document.querySelector('.chart')).backgroundColor"
        )
        for ink in set(texts):
            low, high = sorted([luminance(ink), luminance(panel)])
            assert (high + 0.05) / (low + 0.05) >= 4.5
    assert abs(luminance(backs[0]) - luminance(backs[1])) > 0.7
    button = css(started, "#theme")[0]
    assert button.text == "light"
    click(started, button)
    assert (
        started.execute_script("return getComputedStyle(document.body).backgroundColor") == backs[0]
    )
    assert button.text == "dark"
    assert started.get_log("browser") == []


def test_a_phone_scrolls_down_only(started: Browser, page: str) -> None:
    show(started, page, width=390)
    wide, beyond = started.execute_script(
        """
        const wide = document.documentElement.scrollWidth;
        const inBox = e => e.closest(".scroll, nav, pre, svg, .hide, .skip");
        const beyond = [...document.body.querySelectorAll("*")].filter(
          e => !inBox(e) && e.getBoundingClientRect().right > 391);
        return [wide, beyond.map(e => e.outerHTML.slice(0, 80))];
        """
    )
    assert wide == 390
    assert beyond == []
    assert css(started, ".chart svg")[0].size["width"] <= 390
    assert started.get_log("browser") == []


def test_commands_are_copied(browser: Browser) -> None:
    button = css(browser, "button.copy")[0]
    click(browser, button)
    until(browser, lambda _: button.text == "copied")


def test_only_differences_can_be_shown(browser: Browser) -> None:
    rows = css(browser, ".settings tbody tr:not(.part)")
    click(browser, css(browser, "#only-differences")[0])
    shown = [row for row in rows if row.is_displayed()]
    assert 0 < len(shown) < len(rows)
    assert all("differs" in row.get_attribute("class") for row in shown)


def test_hostile_names_run_nothing(browser: Browser) -> None:
    assert css(browser, "img[onerror]") == []
    assert any("</script>" in heading.text for heading in css(browser, "h3"))


def test_tables_of_cost_and_scores_fit_a_wide_window(started: Browser, page: str) -> None:
    show(started, page, width=1400)
    wide = started.execute_script(
        "return [...document.querySelectorAll('#cost .scroll, #transfer .scroll')]"
        ".filter(e => e.scrollWidth > e.clientWidth + 1).length"
    )
    assert wide == 0


@pytest.mark.parametrize("width", [1400, 390])
def test_ten_images_stand_in_a_row(
    started: Browser, tmp_path: Path, make_run: Callable[..., Path], width: int
) -> None:
    run = make_run(tmp_path / "run", "dc", pictures=True, nodes=30, evaluated=False)
    page = write_report(run).as_uri()
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    started.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    started.get(page)
    rows = started.execute_script(
        "return [...document.querySelectorAll('.images img')].map(e => e.offsetTop)"
    )
    assert [rows.count(top) for top in dict.fromkeys(rows)] == [10, 10, 10]
