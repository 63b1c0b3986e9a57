"""The report's page in a real Chromium: charts, tables, both looks, a phone, paper, and texts that are no markup."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from accel_reports import report, sound, troubled
from browser import PHONE, chromium
from tenku.accel.report.diff import compare
from tenku.accel.report.markup import Markup, escaped, joined, tag
from tenku.accel.report.model import Report, Verdict
from tenku.accel.report.page import page_of, page_of_diff

DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
EVIL = '<img src=x onerror=alert(1)> & "quotes" \' \x1b[31m\x00 $body ]]>'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


class shown:  # noqa: N801 - reads like a verb
    """A page in a context of its own; whatever the browser has to complain of fails the test at the end."""

    def __init__(self, browser: Browser, html: str, folder: Path, **options: Any) -> None:
        self._context = browser.new_context(**{**DESK, **options})
        self._file = folder / "page.html"
        self._file.write_text(html, encoding="utf-8")
        self.complaints: list[str] = []
        self.asked: list[str] = []

    def __enter__(self) -> Page:
        page = self._context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(self._file.as_uri())
        return page

    def __exit__(self, *_: object) -> None:
        self._context.close()
        assert self.complaints == []
        assert [url for url in self.asked if not url.startswith(("file:", "data:"))] == []


def test_every_timed_operator_is_a_dot_and_every_finding_a_row(browser: Browser, tmp_path: Path) -> None:
    made = troubled()
    with shown(browser, page_of(made), tmp_path) as page:
        for dtype in made.dtypes:
            timed = [each for each in made.findings if each.dtype == dtype and each.seconds and each.moved]
            assert page.locator(f"section[data-type={dtype}] .roofline .dot").count() == len(timed)
        assert page.locator("#findings tbody tr").count() == len(made.findings)
        assert page.locator(".errors circle").count() > 0
        assert page.locator("section[data-type=bfloat16] .bars rect").count() == 2 * 9  # its operators with a time


def test_dots_lie_within_the_chart_and_the_largest_is_what_takes_longest(browser: Browser, tmp_path: Path) -> None:
    with shown(browser, page_of(report()), tmp_path) as page:
        places = page.locator(".roofline .dot").evaluate_all(
            "dots => dots.map(dot => [dot.cx.baseVal.value, dot.cy.baseVal.value, dot.r.baseVal.value])"
        )
        box = page.locator(".roofline").bounding_box()
        assert box is not None
        assert all(0 <= x <= box["width"] and 0 <= y <= box["height"] for x, y, _ in places)
        title = page.locator(".roofline .dot title").first.text_content() or ""
        assert title.startswith("addmm (1536) + (32760, 8960) x (8960, 1536), native")
        assert places[0][2] == max(radius for _, _, radius in places)


def test_the_head_of_the_page_answers_the_four_questions(browser: Browser, tmp_path: Path) -> None:
    with shown(browser, page_of(troubled()), tmp_path) as page:
        assert page.locator(".answer h3").all_text_contents() == [
            "Can it run wan2.1-t2v-1.3b?",
            "How fast?",
            "How right?",
            "What to mend first?",
        ]
        assert "Not in float16" in (page.locator(".answer").first.text_content() or "")


def test_findings_are_filtered_and_sorted(browser: Browser, tmp_path: Path) -> None:
    with shown(browser, page_of(troubled()), tmp_path) as page:
        rows = page.locator("#findings tbody tr:visible")
        page.get_by_label("verdict").select_option("hung")
        assert rows.count() == 1
        page.get_by_label("verdict").select_option("")
        page.get_by_label("Search findings").fill("layer_norm")
        assert rows.count() == 3
        page.get_by_label("dtype").select_option("float16")
        assert rows.count() == 1
        assert page.locator(".filters output").text_content() == "1 shown"
        page.get_by_label("dtype").select_option("")
        page.get_by_label("Search findings").fill("")
        page.locator("#findings th button:text-is('Time')").click()
        assert page.locator("#findings th[aria-sort=descending]").text_content() == "Time"
        assert times(page) == sorted(times(page), key=lambda each: (each is None, -(each or 0)))
        page.locator("#findings th button:text-is('Time')").click()
        assert times(page) == sorted(times(page), key=lambda each: (each is None, each or 0))


def times(page: Page) -> list[float | None]:
    """What the rows are sorted by, from the top."""
    values = page.locator("#findings tbody tr td:nth-child(6)").evaluate_all("cells => cells.map(c => c.dataset.value)")
    return [float(value) if value else None for value in values]


def test_one_number_type_is_shown_at_a_time_and_a_dot_leads_to_its_row(browser: Browser, tmp_path: Path) -> None:
    with shown(browser, page_of(troubled()), tmp_path) as page:
        assert page.locator("section[data-type]:visible").count() == 1
        page.get_by_role("button", name="bfloat16").click()
        assert page.locator("section[data-type=bfloat16]").is_visible()
        dot = page.locator("section[data-type=bfloat16] .dot[data-call='1']")
        dot.dispatch_event("click")
        assert page.locator("tr.found").get_attribute("id") == "call-bfloat16-1"


def test_without_its_script_everything_is_there(browser: Browser, tmp_path: Path) -> None:
    with shown(browser, page_of(troubled()), tmp_path, java_script_enabled=False) as page:
        assert page.locator("section[data-type]:visible").count() == 3
        assert page.locator("#findings tbody tr:visible").count() == len(troubled().findings)


@pytest.mark.parametrize("options", [DESK, PHONE, {"viewport": {"width": 320, "height": 600}}])
@pytest.mark.parametrize("look", ["light", "dark"])
def test_it_is_as_wide_as_the_screen_and_its_texts_stand_out(
    browser: Browser, tmp_path: Path, options: dict[str, Any], look: str
) -> None:
    """On a phone nothing has to be scrolled sideways but tables; letters are no smaller than 12 pixels."""
    with shown(browser, page_of(troubled()), tmp_path, color_scheme=look, **options) as page:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        smallest = page.evaluate(
            "Math.min(...[...document.querySelectorAll('main *')].map(e => parseFloat(getComputedStyle(e).fontSize)))"
        )
        assert smallest >= 12
        for what in ("body", ".dim", ".short", "td"):
            assert contrast(page, what) >= 4.5, what


def contrast(page: Page, selector: str) -> float:
    """Of the first text of this kind to what it stands on, as WCAG counts it."""
    ratio: float = page.evaluate(
        """selector => {
            const light = color => {
                const parts = color.match(/[\\d.]+/g).slice(0, 3).map(each => each / 255);
                const [r, g, b] = parts.map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const text = document.querySelector(selector);
            let under = text;
            while (getComputedStyle(under).backgroundColor === 'rgba(0, 0, 0, 0)' && under.parentElement)
                under = under.parentElement;
            const [a, b] = [getComputedStyle(text).color, getComputedStyle(under).backgroundColor].map(light);
            return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        }""",
        selector,
    )
    return ratio


def test_it_prints(browser: Browser, tmp_path: Path) -> None:
    with shown(browser, page_of(troubled()), tmp_path) as page:
        page.emulate_media(media="print")
        assert not page.locator(".filters").is_visible()
        pages = len(re.findall(rb"/Type\s*/Page\b", page.pdf()))
        assert 2 <= pages <= 12


def evil() -> Report:
    """Every text that a device, a driver or a file could bring is markup."""
    found = sound()
    found[0] = replace(found[0], operator=EVIL, shapes=EVIL, message=EVIL, verdict=Verdict.CRASHED)
    made = troubled()
    return replace(
        made,
        model=EVIL,
        job=EVIL,
        device=replace(made.device, name=EVIL, driver=EVIL, host=EVIL),
        software={EVIL: EVIL},
        findings=(*found, *made.findings[13:]),
        blocks=(replace(made.blocks[0], name=EVIL, message=EVIL, scale=EVIL),),
        fits=(replace(made.fits[0], what=EVIL, computed=EVIL, tried=EVIL, message=EVIL),),
    )


def test_texts_are_never_markup(browser: Browser, tmp_path: Path) -> None:
    """Not in a page, not in a comparison; the script that the page has is the only one that could run."""
    pages = page_of(evil()), page_of_diff(compare(evil(), replace(evil(), software={})))
    for html in pages:
        with shown(browser, html, tmp_path) as page:
            assert page.locator("img").count() == 0
            assert page.locator("script").count() == 1
            assert '<img src=x onerror=alert(1)> & "quotes" \' �[31m� $body ]]>' in (page.text_content("main") or "")


def test_a_page_without_findings_is_whole(browser: Browser, tmp_path: Path) -> None:
    with shown(browser, page_of(report([])), tmp_path) as page:
        assert page.locator(".roofline .dot").count() == 0
        assert "Nothing was tried." in (page.text_content(".answers") or "")


def test_a_comparison_has_a_row_for_each_change(browser: Browser, tmp_path: Path) -> None:
    diff = compare(report(dtypes=troubled().dtypes), troubled())
    with shown(browser, page_of_diff(diff), tmp_path) as page:
        assert page.locator("tbody tr").count() == len(diff.changes) > 0
        assert page.locator(".answer .short").first.text_content() == "Worse"


def test_markup_escapes_all_but_markup() -> None:
    assert tag("b", "<", Markup("<i></i>"), title='"') == '<b title="&quot;">&lt;<i></i></b>'
    assert tag("a", data_x=1, class_="y", hidden=True, lang=None) == '<a data-x="1" class="y" hidden></a>'
    assert joined("a", ["<", tag("i")]) == "a&lt;<i></i>"
    assert escaped("a\x07\n") == "a�\n"
