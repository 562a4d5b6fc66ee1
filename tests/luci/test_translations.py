"""All that the web interface says can be translated, and is, into German and Chinese."""

import re

import pytest
from catalogs import APP, CATALOGS, TEMPLATE, catalog, read_po, template, texts
from chromium import NARROW, go
from playwright.sync_api import expect
from test_pages import AUDIT, PAGES

REMEDY = "run 'make translations'"
SAYS = {"de": ("de-DE", "Funktioniert teilweise: 7 von 8 anderen Routern sind verbunden.", "Mitglieder"),
        "zh_Hans": ("zh-CN", "部分工作：已连接 7 台（共 8 台其他路由器）。", "成员")}


def test_the_template_has_what_the_files_say():
    assert TEMPLATE.read_text() == template(), REMEDY
    for text in texts(APP):  # LuCI looks for a text without blanks around it
        assert text == " ".join(text.split()), text


@pytest.mark.parametrize("language", CATALOGS)
def test_every_text_is_translated_with_all_that_is_put_into_it(language):
    assert CATALOGS[language].read_text() == catalog(language), REMEDY
    entries = read_po(CATALOGS[language])
    assert [text for text, translation in entries.items() if not translation] == []
    put_in = re.compile(r"%[a-z]")
    for text, translation in entries.items():
        assert put_in.findall(text) == put_in.findall(translation), text


@pytest.mark.parametrize("language", CATALOGS)
def test_pages_are_in_the_language_of_the_reader(staged, open_page, language):
    locale, verdict, heading = SAYS[language]
    router = staged(9)
    page = open_page(router, locale=locale, viewport=NARROW)
    expect(page.locator(".ipop-sentence")).to_have_text(verdict)
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    for path in PAGES:
        go(page, router, path)
        assert page.evaluate(AUDIT) == [], path
    # no text of the app is left in English, but for those that are the same
    left = {text for text, other in read_po(CATALOGS[language]).items() if other != text and "%" not in text}
    shown = page.evaluate("() => document.querySelector('.ipop').innerText").splitlines()
    assert not left & set(shown)
