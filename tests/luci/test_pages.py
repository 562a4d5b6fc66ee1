"""The pages as they are read: at once, by everybody, on every screen. The daemon is played (staged.py)."""

import json
import re
import time
from pathlib import Path

import luci_rpcd as rpcd
import pytest
from catalogs import APP
from chromium import NARROW, WIDE, go
from playwright.sync_api import expect

from ipop.lan.guards import GUARDS

PAGES = ("overview", "group", "lan", "settings", "log")
AUDIT = (Path(__file__).parent / "audit.js").read_text().partition("\n")[2]
REQUEST = {"group": "friends", "name": "mill", "fingerprint": "AAAA", "release": "1", "waits_s": 9}
NEXT_LOOK = 6_500  # ms


@pytest.mark.parametrize("colours", ("light", "dark"))
@pytest.mark.parametrize("screen", ("wide", "narrow"))
def test_pages_are_readable_and_everything_has_a_name(staged, open_page, colours, screen):
    router = staged(9)
    router.answers["requests"] = [REQUEST]
    page = open_page(router, viewport=WIDE if screen == "wide" else NARROW, color_scheme=colours)
    for path in PAGES:
        go(page, router, path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate(AUDIT) == [], path
    go(page, router, "group")
    page.get_by_role("button", name="Invite", exact=True).click()
    assert page.evaluate(AUDIT) == []


def test_who_may_only_read_sees_all_and_no_buttons(staged, open_page):
    router = staged()
    router.answers["requests"] = [REQUEST]
    page = open_page(router, user="reader")
    expect(page.locator("#ipop-verdict")).to_contain_text("Working")
    for path in PAGES:
        go(page, router, path)
        page.wait_for_load_state("networkidle")
        if path == "lan":
            expect(page.get_by_label("Wi-Fi", exact=True)).to_be_visible()
            assert page.locator(".cbi-page-actions button").count() == 0
        enabled = page.locator("#view").locator(":is(button, input, select, textarea):enabled:not([type=hidden])")
        assert enabled.evaluate_all("nodes => nodes.map(node => node.outerHTML)") == [], path
        assert page.locator("#view .ipop").get_by_role("button").count() == 0, path
        assert page.locator("#view .ipop .btn:visible").count() == 0, path
    assert not {method for method, _ in router.rpcd.asked} & {"invite", "backup", "join"}
    with pytest.raises(rpcd.Denied):
        router.rpcd.call(router.rpcd.log_in("reader", rpcd.PASSWORD), "luci.ipop", "revoke", {})


def test_nothing_jumps_while_one_reads(staged, open_page):
    router = staged(9)
    page = open_page(router)
    page.wait_for_load_state("networkidle")
    page.get_by_text("Details").focus()
    places = """() => [ ...document.querySelectorAll('#view h3, #view tr, #view .ipop-map') ]
        .map(node => [ node.textContent.slice(0, 12), Math.round(node.getBoundingClientRect().top + scrollY) ])"""
    page.evaluate("() => { window.kept = [ ...document.querySelectorAll('#view tr, #view svg') ]; }")
    before = page.evaluate(places)
    changed = router.answers["peers"]()
    changed[0].update(bytes_in=changed[0]["bytes_in"] + 1_001, rtt_ms=123.4)
    row = page.get_by_role("row", name=re.compile("^cabin "))
    expect(row).to_contain_text("123 ms")
    expect(row).to_contain_text(re.compile(r"↓ \d+ B/s ↑ 0 B/s"))
    page.wait_for_timeout(NEXT_LOOK)
    assert page.evaluate(places) == before
    assert page.evaluate("() => window.kept.every(node => node.isConnected)")
    assert page.evaluate("() => document.activeElement.textContent") == "Details"


@pytest.mark.parametrize("viewport", (WIDE, NARROW))
@pytest.mark.parametrize("members", (2, 60))
@pytest.mark.parametrize("names", ("ordinary", "long"))
def test_the_map_can_be_read(staged, open_page, members, viewport, names):
    """Nobody's name is cut off or on top of another's."""
    router = staged(members)
    for old in ("den", "cabin") if names == "long" else ():
        router.call_otherwise(old, old.upper() + "W" * 58)
    page = open_page(router, viewport=viewport)
    drawing = page.locator(".ipop-map")
    expect(drawing.locator("g")).to_have_count(members)
    boxes = page.evaluate("""() => [ ...document.querySelectorAll('.ipop-map, .ipop-map text') ]
        .map(node => [ node.textContent, node.getBoundingClientRect() ]).filter(([ text ]) => text)
        .map(([ text, box ]) => [ text, box.left, box.top, box.right, box.bottom ])""")
    _, left, _, right, _ = boxes.pop(0)
    for i, (text, x1, y1, x2, y2) in enumerate(boxes):
        assert left - 1 <= x1 and x2 <= right + 1, text
        for other, a1, b1, a2, b2 in boxes[:i]:
            assert x2 <= a1 + 1 or a2 <= x1 + 1 or y2 <= b1 + 4 or b2 <= y1 + 4, (text, other)
    if members == 60:
        assert drawing.locator("path.ipop-relayed").count() == 12
        assert "lodge: direct" in drawing.get_attribute("aria-label")


@pytest.mark.parametrize("path, words", (("overview", ("0.1.0", "this router")), ("group", ("Address", "owner"))))
def test_a_long_name_divides_no_other_words(staged, open_page, path, words):
    router = staged(9)
    for old in ("den", "cabin"):
        router.call_otherwise(old, old.upper() + "W" * 58)
    page = open_page(router, path)
    table = page.get_by_role("table", name="Members")
    for text in words:
        assert table.get_by_text(text, exact=True).first.bounding_box()["height"] < 40, text
    assert page.evaluate("() => document.documentElement.scrollWidth") == WIDE["width"]


def test_three_hundred_devices_are_no_endless_page(staged, open_page):
    router = staged(9)
    device = router.answers["devices"]()[0]
    router.answers["devices"] = [{**device, "mac": str(i), "name": f"tv{i}"} for i in range(300)]
    page = open_page(router, viewport=NARROW)
    assert page.evaluate("() => document.documentElement.scrollHeight") < 9_000
    assert page.evaluate("() => document.documentElement.scrollWidth") == NARROW["width"]


def test_sixty_members_are_no_endless_page(staged, open_page):
    page = open_page(staged(60))
    assert page.evaluate("() => document.documentElement.scrollHeight") < 3_500


def test_nothing_is_cut_off_at_the_edge_of_a_phone(staged, open_page):
    page = open_page(staged(9), viewport=NARROW)
    for name in ("Members", "Devices"):
        table = page.get_by_role("table", name=name)
        assert table.evaluate("""table => {
            const edge = table.closest('.ipop-scroller').getBoundingClientRect().left;
            const seen = [ ...table.querySelectorAll('.td') ].filter(cell => cell.offsetWidth);
            return seen.every(cell => cell.getBoundingClientRect().left >= edge);
        }"""), name


def test_a_relayed_way_does_not_seem_to_pass_this_router(staged, open_page):
    page = open_page(staged(4))
    path = page.locator("path.ipop-relayed")
    assert path.evaluate("""path => {
        const own = path.ownerSVGElement.querySelector('.ipop-self circle'), length = path.getTotalLength();
        const far = at => Math.hypot(at.x - own.cx.baseVal.value, at.y - own.cy.baseVal.value) - own.r.baseVal.value;
        return Math.min(...Array.from({ length: 100 }, (_, i) => far(path.getPointAtLength(length * i / 99))));
    }""") > 4


def test_by_keyboard_alone(staged, open_page):
    page = open_page(staged(), "group")
    button = page.get_by_role("button", name="Invite", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Invite to “friends”")
    inside = "() => document.activeElement.closest('[role=dialog]') !== null"
    expect(dialog).to_be_visible()
    for key in ("Tab",) * 8 + ("Shift+Tab",) * 10:
        assert page.evaluate(inside), key
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()


@pytest.mark.parametrize("pasted", (
    "ipop1-AQF_x-9", " ipop1-AQF\n_x-9\n", "Come in: „ipop1-AQF_x-9“.\n\nBob", "> ipop1-AQF\n> _x-9\n>\n> Bob"))
def test_an_invite_is_found_in_what_is_pasted(staged, open_page, pasted):
    router = staged()
    router.answers["join"] = {"error": {"code": "refused", "message": "the invite is over"}}
    page = open_page(router, "group")
    page.get_by_text("Create or join another group").click()
    join = page.get_by_role("region", name="Join a group")
    join.get_by_label("Invite").fill(pasted)
    join.get_by_role("button", name="Join").click()
    expect(join.get_by_role("status")).to_have_text("the invite is over")
    joins = [arguments for method, arguments in router.rpcd.asked if method == "join"]
    assert joins == [{"line": "ipop1-AQF_x-9", "name": ""}]


def test_the_focus_does_not_get_lost_with_what_had_it(staged, open_page):
    router = staged()
    members = router.answers["members"]()
    router.answers["members"] = lambda **_: members
    router.answers["revoke"] = lambda **_: members.pop(1)
    page = open_page(router, "group")
    page.get_by_role("button", name="Remove cabin").focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("button", name="Remove cabin")).to_have_count(0)
    expect(page.get_by_role("heading", name="friends")).to_be_focused()


def test_who_is_let_in_twice_comes_in_once_and_stays_in(staged, open_page):
    """Also when an answer of before arrives after it."""
    router = staged()
    waiting, asked, held = [REQUEST], [], []

    def requests(**_):
        now = list(waiting)
        if held:
            held.pop()
            time.sleep(3)
        return now

    def approve(**arguments):
        asked.append(arguments)
        time.sleep(0.5)
        if not waiting:
            return {"error": {"code": "not-found", "message": "nobody waits"}}
        return waiting.pop()

    router.answers.update(requests=requests, approve=approve)
    page = open_page(router, "group")
    row = page.get_by_role("table", name="Routers that wait to be let in").get_by_role("row", name="mill")
    expect(row).to_be_visible()
    page.evaluate("""() => {
        window.back = 0;
        new MutationObserver(list => { back += list.filter(each => each.addedNodes.length).length; }).observe(
            document.querySelector('[data-key=AAAA]').parentNode, { childList: true });
    }""")
    held.append(True)
    while held:
        page.wait_for_timeout(50)
    row.get_by_role("button", name="Let in mill").dblclick()
    expect(row).to_have_count(0)
    expect(page.get_by_role("heading", name="friends")).to_be_focused()
    page.wait_for_timeout(4_000)
    assert (len(asked), page.evaluate("() => back")) == (1, 0)
    assert page.get_by_text("nobody waits").count() == 0


def test_what_takes_long_shows_that_it_runs_and_how_it_ended(staged, open_page):
    router = staged()
    jobs = {7: {"state": "running"}}
    router.answers.update(revoke=lambda **_: {"job": 7}, job=lambda job: jobs[job])
    page = open_page(router, "group")
    page.get_by_role("button", name="Remove cabin").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Remove").click()
    expect(dialog.get_by_role("status")).to_have_text("One moment…")
    expect(dialog.get_by_role("button", name="Remove")).to_be_disabled()
    jobs[7] = {"state": "failed", "error": {"code": "failed", "message": "the flash is full"}}
    expect(dialog.get_by_role("status")).to_have_text("the flash is full")
    jobs[7] = {"state": "done", "result": {"group": "friends"}}
    dialog.get_by_role("button", name="Remove").click()
    expect(dialog).to_have_count(0)


def test_a_daemon_that_is_slow_is_not_taken_for_dead(staged, open_page, monkeypatch):
    monkeypatch.setattr(rpcd, "PATIENCE", 0.5)
    router = staged()
    page = open_page(router)
    router.rpcd.delay = 1
    verdict = page.locator("#ipop-verdict")
    expect(verdict).to_contain_text("IPOP did not answer in time.", timeout=20_000)
    expect(page.get_by_role("row", name=re.compile("^cabin "))).to_be_visible()
    router.rpcd.delay = 0
    expect(verdict).to_contain_text("Working: connected with all 3")


def test_a_daemon_that_is_not_there_is_told_everywhere_with_the_way_out(staged, open_page):
    router = staged()
    router.rpcd._is_up = lambda: False
    page = open_page(router)
    expect(page.get_by_role("button", name="Start IPOP")).to_be_visible()
    for path in ("group", "lan"):
        go(page, router, path)
        expect(page.locator("#view").get_by_text("IPOP is not running on this router.")).to_be_visible()
        assert page.locator("#view button:visible").count() == 0, path
        page.get_by_role("link", name="See what can be done").click()
        expect(page.locator("#ipop-verdict")).to_contain_text("IPOP is not running")


def test_who_has_switched_it_off_is_told_where(staged, open_page):
    router = staged()
    router.rpcd._is_up = lambda: False
    router.home.config.write_text("config globals 'globals'\n\toption enabled '0'\n")
    page = open_page(router)
    expect(page.locator("#ipop-verdict")).to_contain_text("IPOP is switched off on this router.")
    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_label("Switched on")).not_to_be_checked()


def test_who_waits_is_told_on_the_overview(staged, open_page):
    router = staged()
    status, (group,) = router.answers["status"](), router.answers["groups"]()
    router.answers["status"] = {**status, "groups": [{**group, "requests": 1}]}
    page = open_page(router)
    verdict = page.locator("#ipop-verdict")
    expect(verdict).to_contain_text("Working: connected with all 3 other routers.")
    expect(verdict).to_contain_text("Somebody waits to be let into “friends”.")
    verdict.get_by_role("button", name="Show who waits").click()
    expect(page.get_by_role("heading", name="Group", exact=True)).to_be_visible()


def test_a_newcomer_is_told_what_a_group_is(staged, open_page):
    router = staged()
    router.answers.update(status={**router.answers["status"](), "groups": []}, groups=[], peers=[], devices=[],
                          topology={"nodes": [], "links": []})
    page = open_page(router)
    for path in ("overview", "group"):
        go(page, router, path)
        expect(page.locator("#view").get_by_text("A group is one LAN of several homes")).to_be_visible()


def test_not_all_who_are_away_are_spoken_of(staged, open_page):
    verdict = open_page(staged(60)).locator("#ipop-verdict")
    expect(verdict).to_contain_text("Working in part: 47 of 59 other routers are connected.")
    expect(verdict).to_contain_text("8 more are not connected.")


def test_the_log_is_not_read_out_again_and_again(staged, open_page):
    expect(open_page(staged(), "log").get_by_role("log")).to_have_attribute("aria-live", "off")


def test_a_daemon_that_is_slow_from_the_start_is_not_taken_for_one_without_a_group(staged, open_page, monkeypatch):
    monkeypatch.setattr(rpcd, "PATIENCE", 0.5)
    router = staged()
    router.rpcd.delay = 1
    page = open_page(router, "group")
    expect(page.locator("#view").get_by_text("IPOP did not answer in time.")).to_be_visible()
    assert page.locator("#view button:visible").count() == 0
    go(page, router, "lan")
    expect(page.get_by_role("link", name="See what can be done")).to_be_visible()
    router.rpcd.delay = 0
    go(page, router, "group")
    expect(page.get_by_role("region", name="friends")).to_be_visible()


@pytest.mark.parametrize("path", ("group", "log"))
def test_who_is_logged_out_reads_a_sentence(staged, open_page, path):
    """LuCI's own errors carry a trace."""
    router = staged()
    page = open_page(router, path)
    router.rpcd.log_out_all()
    place = page.locator(".ipop-log" if path == "log" else ".ipop > .ipop-said")
    expect(place).to_contain_text(re.compile("Your login|Access denied|session is expired"))
    assert not re.search(r"\bat \S+ \(|[a-z]\.js", place.inner_text()), place.inner_text()


def test_a_daemon_of_another_kind_is_said_to_be_one(staged, open_page):
    router = staged()
    for method in ("status", "groups", "topology"):
        router.answers[method] = {"surprise": None}
    page = open_page(router)
    expect(page.locator("#ipop-verdict")).to_contain_text("IPOP has answered what this page does not understand.")
    for path in ("group", "lan"):
        go(page, router, path)
        expect(page.locator("#view").get_by_text("what this page does not understand")).to_be_visible()
        expect(page.get_by_text("This router is in no group")).to_be_hidden()
    go(page, router, "settings")
    expect(page.get_by_label("Port", exact=True)).to_be_visible()


@pytest.mark.parametrize("path", ("overview", "lan", "log"))
def test_a_page_in_the_background_asks_nothing(staged, open_page, path):
    page = open_page(staged(), path)
    asked = []
    page.on("request", lambda request: "ubus" in request.url and asked.append(request.post_data))
    page.evaluate("() => Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.wait_for_timeout(2_000)  # what was being asked
    before = len(asked)
    page.wait_for_timeout(11_000 if path == "lan" else NEXT_LOOK)
    assert asked[before:] == []
    page.evaluate("() => { delete document.hidden; }")
    page.wait_for_timeout(11_000 if path == "lan" else NEXT_LOOK)
    assert asked[before:]


def test_names_of_others_are_text_and_nothing_else(staged, open_page):
    """Also where LuCI takes texts for HTML: in titles of dialogs, and in forms."""
    rude = "<img src=x onerror=alert(1)>"
    router = staged()
    router.call_otherwise("friends", rude + "group")
    router.call_otherwise("cabin", rude)
    router.answers["requests"] = [{**REQUEST, "group": rude + "group", "name": rude, "release": rude}]
    device, status = router.answers["devices"]()[0], router.answers["status"]()
    router.answers["devices"] = [{**device, "name": rude + "tv", "fqdn": rude, "vendor": rude, "member": rude}]
    router.answers["events"] = lambda since=0: {"next": 1, "events": [] if since else [
        {"seq": 0, "time": 1, "kind": "problem", "group": rude, "text": rude + "event"}]}
    router.answers["status"] = {**status, "problems": [rude + "problem"], "version": rude}
    step = {"change": rude, "config": rude, "section": rude, "about": rude}
    router.commands = lambda command: lambda: (0, json.dumps({"steps": [step]}), "")
    page = open_page(router)
    page.on("dialog", lambda dialog: pytest.fail("a script of somebody else ran"))
    for what in ("tv", "event", "problem"):
        expect(page.get_by_text(rude + what)).to_be_visible()
    for path in ("overview", "status/overview", "lan", "group"):
        go(page, router, path)
        expect(page.locator("#ipop-tile") if "status" in path else page.get_by_text(rude).first).to_be_visible()
        assert page.locator("#view img").count() == 0, path
    for action in ("Rename", "Make", "Remove"):
        page.get_by_role("button", name=re.compile("^" + action + " <img")).click()
        expect(page.get_by_role("dialog")).to_contain_text(rude)
        assert page.get_by_role("dialog").locator("img").count() == 0, action
        page.keyboard.press("Escape")
    router.answers["rename"] = {"error": {"code": "failed", "message": rude + "error"}}
    page.get_by_role("button", name=re.compile("^Rename <img")).click()
    page.get_by_role("dialog").get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_text(rude + "error")).to_be_visible()
    assert page.get_by_role("dialog").locator("img").count() == 0


@pytest.mark.parametrize("name", ("constructor", "__proto__"))
def test_a_group_may_be_called_as_something_in_javascript(staged, open_page, name):
    """A stranger's invite could bring such a name, and the pages by which the group is left would be gone."""
    router = staged()
    router.call_otherwise("friends", name)
    router.call_otherwise("cabin", name)
    page = open_page(router)
    expect(page.get_by_role("img", name=re.compile(name + ": direct"))).to_be_visible()
    go(page, router, "group")
    expect(page.get_by_role("region", name=name).get_by_role("button", name="Leave")).to_be_visible()
    go(page, router, "lan")
    expect(page.get_by_role("heading", name=f"Devices of “{name}”")).to_be_visible()


def test_two_groups_stand_side_by_side(staged, open_page):
    """Members of one name in both are two."""
    router = staged(3)
    once = {method: router.answers[method]() for method in ("status", "groups", "peers", "topology", "devices")}

    def of(chess, rows):
        return rows + [{**row, **chess} for row in rows]

    names = {"group": "chess"}
    groups = of({"name": "chess", "device": "ipop1", "address": "10.88.1.1/16"}, once["groups"])
    topology = {key: of(names, rows) for key, rows in once["topology"].items()}
    router.answers.update(
        status={**once["status"], "groups": groups}, groups=groups, peers=of(names, once["peers"]), topology=topology,
        devices=of(names, once["devices"]))
    page = open_page(router)
    expect(page.locator("#ipop-verdict")).to_contain_text("Working: connected with all 4 other routers.")
    for group in ("friends", "chess"):
        expect(page.get_by_role("row", name=re.compile(rf"^cabin \({group}\).* direct"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^This router in the middle"))).to_have_count(2)
    go(page, router, "group")
    expect(page.get_by_role("region", name="chess")).to_contain_text("10.88.1.1/16")
    go(page, router, "lan")
    expect(page.get_by_role("heading", name="Devices of “chess”")).to_be_visible()
    expect(page.get_by_label("Wi-Fi", exact=True)).to_have_count(2)


@pytest.mark.parametrize("case", ("alone", "away", "broker", "problem", "joining", "damaged", "removed"))
def test_the_sentence_says_whether_it_works_and_what_to_do(staged, open_page, case):
    router = staged(3)
    status, (group,) = router.answers["status"](), router.answers["groups"]()
    status["groups"] = [group]
    peers = router.answers["peers"]()
    says = {
        "alone": ("Ready, but nobody else is in “friends” yet.", "Invite somebody"),
        "away": ("Not working: none of the other 2 routers is connected.", "cabin has not said where it is"),
        "broker": ("Working, but there is a problem.", "The broker of “friends” can't be reached (broker.example"),
        "problem": ("Working, but there is a problem.", "10.77.0.0/16 is in use here"),
        "joining": ("Joining “friends”: waiting for approval", ""),
        "damaged": ("“friends” does not work: /etc/ipop/groups/friends is damaged", ""),
        "removed": ("“friends” does not work: this router was removed from the group", ""),
    }[case]
    if case in ("alone", "joining", "damaged"):
        peers.clear()
    if case in ("joining", "damaged"):
        router.answers["topology"] = {"nodes": [], "links": []}
    if case in ("away", "removed"):
        for peer in peers:
            peer.update(state="no-endpoint", endpoint=None, last_heard_s=None)
    if case == "broker":
        group["brokers"][0]["connected"] = False
    if case == "problem":
        status["problems"].append("10.77.0.0/16 is in use here")
    if case in ("joining", "damaged"):
        group.update(state=case, text=says[0].partition(": ")[2])
    if case == "removed":
        group.update(text=says[0].partition(": ")[2], role="revoked")
    router.answers["status"] = status
    page = open_page(router)
    verdict = page.locator("#ipop-verdict")
    expect(verdict.locator(".ipop-sentence")).to_have_text(says[0])
    expect(verdict).to_contain_text(says[1])
    if case in ("joining", "damaged"):  # nobody can be invited
        page.get_by_role("heading", name="What happened").wait_for()
        expect(page.get_by_role("heading", name="Map")).to_be_hidden()
    if case in ("joining", "damaged", "removed"):
        verdict.get_by_role("button").click()
        region = page.get_by_role("region", name="friends")
        expect(region).to_contain_text("This router is called")
        assert region.get_by_role("button", name=re.compile("^(Invite|Choose ports)")).count() == 0


def test_guards_count_under_the_words_that_the_page_looks_for():
    assert all(guard.word == "guard-" + guard.name for guard in GUARDS)
    source = (APP / "htdocs/luci-static/resources/view/ipop/lan.js").read_text()
    assert all(re.search(rf"\b{guard.name}: ", source) for guard in GUARDS)
