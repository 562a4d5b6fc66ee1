"""The QR code of an invite, beside what another program makes of the same text."""

import pytest
import segno
from chromium import NARROW, WIDE

LETTERS = "ipop1-AQF_x9zK"
# How many bytes the versions 1 to 40 have room for, at the lowest level of correction.
ROOM = (17, 32, 53, 78, 106, 134, 154, 192, 230, 271, 321, 367, 425, 458, 520, 586, 644, 718, 792, 858,
        929, 1003, 1091, 1171, 1273, 1367, 1465, 1528, 1628, 1732, 1840, 1952, 2068, 2188, 2303, 2431, 2563, 2699, 2809,
        2953)


def text_of(length):
    return (LETTERS * (length // len(LETTERS) + 1))[:length]


def modules(text, border=0):
    code = segno.make(text, error="l", mode="byte", mask=0, micro=False, boost_error=False)
    return [list(map(bool, row)) for row in code.matrix_iter(border=border)]


def test_all_sizes_are_drawn_as_the_standard_says(staged, open_page):
    """With texts that fill them: what nobody reads behind a shorter one the other program writes differently."""
    page = open_page(staged(), "group")
    of = "texts => L.require('ipop.symbol').then(symbol => texts.map(text => symbol.of(text)))"
    for text, dark in zip(map(text_of, ROOM), page.evaluate(of, list(map(text_of, ROOM)))):
        assert dark == modules(text), len(text)
    least, more, most, too_long = page.evaluate(of, [text_of(length) for length in (1, 18, 2810, 2954)])
    assert (len(least), len(more), len(most), too_long) == (21, 25, 177, None)


@pytest.mark.parametrize("viewport, colours", ((WIDE, "light"), (NARROW, "dark")))
def test_the_picture_of_an_invite_is_black_on_white_with_its_margin(staged, open_page, viewport, colours):
    router = staged()
    line = text_of(321)
    router.answers["invite"] = {"group": "friends", "invite": "K7QA", "line": line, "uses": 1, "expires_in": 604_800,
                                "approve": False}
    page = open_page(router, "group", viewport=viewport, color_scheme=colours)
    page.get_by_role("button", name="Invite", exact=True).click()
    page.get_by_role("button", name="Make the invite").click()
    picture = page.get_by_role("img", name="The invite as a QR code").locator("svg")
    assert picture.bounding_box()["width"] >= 240
    background, seen = picture.evaluate("""svg => {
        const size = svg.viewBox.baseVal.width, path = svg.querySelector('path'), at = svg.createSVGPoint();
        const isDark = (x, y) => { at.x = x + 0.5; at.y = y + 0.5; return path.isPointInFill(at); };
        const rows = Array.from({ length: size }, (_, y) => Array.from({ length: size }, (_, x) => isDark(x, y)));
        return [ [ getComputedStyle(svg).backgroundColor, getComputedStyle(path).fill ], rows ];
    }""")
    assert background == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    assert seen == modules(line, border=4)


def test_an_invite_that_no_picture_has_room_for_is_shown_without(staged, open_page):
    router = staged()
    router.answers["invite"] = {"group": "friends", "invite": "K7QA", "line": text_of(3000), "uses": 1,
                                "expires_in": 604_800, "approve": False}
    page = open_page(router, "group")
    page.get_by_role("button", name="Invite", exact=True).click()
    page.get_by_role("button", name="Make the invite").click()
    page.get_by_label("The invite", exact=True).wait_for()
    assert page.get_by_role("img", name="The invite as a QR code").count() == 0
