"""What the browser's tests share: a headless Chromium, and two routers with LuCI.

The routers are homes of a lab, each behind a Server of ours. With LUCI_URL="http://192.168.1.1 http://192.168.2.1" they
are two real ones, in no group, with a device in the LAN of the second; the root password is LUCI_PASSWORD. Tests that
need a daemon in a state of their choosing are then passed over.
"""

import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from chromium import REAL, WIDE, go, launch
from luci_routers import LabRouter, RealRouter
from playwright.sync_api import expect, sync_playwright
from staged import StagedRouter

expect.set_options(timeout=60_000)  # much else may run on this machine

HERE = Path(__file__).parent
BROWSERS = 2  # workers that have one
SECONDS = 150  # for the tests of one


def pytest_collection_modifyitems(items):
    ours = [item for item in items if item.path.parent == HERE and "browser" in item.fixturenames]
    for number, item in enumerate(ours):
        item.add_marker(pytest.mark.xdist_group(f"browser-{number % BROWSERS}"))
        item.add_marker(pytest.mark.long(seconds=SECONDS))


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Opens a page of a router as somebody: open_page(router, "group", user="reader"). Its scripts may not fail."""
    contexts, faults = [], []

    def open_page(router, path="overview", user="root", **options):
        context = browser.new_context(**{"viewport": WIDE, "locale": "en", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: message.type == "error" and faults.append(message.text))
        router.log_in(page, user)
        go(page, router, path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    # a page is refused before one is logged in, and LuCI throws what is wrong in a form, too
    faults = [fault for fault in faults if "403" not in fault and "Expecting:" not in fault]
    assert not faults, faults


@pytest.fixture
def den_and_cabin(browser):
    """Two routers in no group, with a broker that both reach."""
    if REAL:
        routers = [RealRouter(url) for url in REAL]
        yield routers
        for router in routers:
            _leave_all(browser, router)
        return
    with LabRouter.two() as routers:
        yield routers


def _leave_all(browser, router):
    page = browser.new_page(locale="en")
    router.log_in(page, "root")
    go(page, router, "group")
    for button in reversed(page.get_by_role("button", name=re.compile("^(Leave|Stop joining)$")).all()):
        button.click()
        page.get_by_role("dialog").get_by_role("button", name=button.inner_text(), exact=True).click()
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.close()


@pytest.fixture
def den(den_and_cabin):
    """One router of a lab, in no group."""
    return den_and_cabin[0]


@pytest.fixture
def staged(tmp_path):
    """Makes a router whose daemon is played, in a group of so many members."""
    if REAL:
        pytest.skip("it needs a daemon that is played, and LUCI_URL names real routers")
    with ExitStack() as stack:
        yield lambda members=4: StagedRouter(tmp_path, stack, members)
