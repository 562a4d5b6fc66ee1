"""The wizard of the page LAN, and the settings: what is chosen stands in /etc/config/ipop, and nothing else."""

import json
import os
import re
from subprocess import run
from types import SimpleNamespace

import luci_rpcd as rpcd
import pytest
from catalogs import APP
from chromium import go
from playwright.sync_api import expect

BRIDGE = "the bridge br-ipop0, of ipop0 and lan3"
STEPS = [{"change": "add", "config": "network", "section": "ipop0_dev", "about": BRIDGE},
         {"change": "add", "config": "wireless", "section": "ipop0_radio0", "about": "the Wi-Fi play"}]


@pytest.fixture
def router(staged):
    """Its `ipop setup` has nothing to do until something is chosen; `thought` are the texts that it was asked about."""
    router = staged()
    router.thought = []

    def programs(command):
        is_thought = command[0] == "/usr/libexec/ipop-preview"
        assert is_thought or command == ["/usr/bin/ipop", "--json", "setup"]
        router.thought += command[1:] if is_thought else []
        steps = STEPS if is_thought else []
        return lambda: (0, json.dumps({"steps": steps, "applied": False}), "")

    router.commands = programs
    return router


def choose_port(page, port):
    dropdown = page.locator("[data-name=port] .cbi-dropdown")
    dropdown.click(position={"x": 2, "y": 2})
    dropdown.locator(f"li[data-value={port}]").first.click()
    page.keyboard.press("Escape")


def apply(page):
    with page.expect_navigation(timeout=30_000):
        page.locator(".cbi-page-actions").get_by_text("Save & Apply", exact=True).first.click()
    page.locator("#view h2").first.wait_for()


def test_a_port_and_a_new_wifi_are_given_to_the_group(router, open_page):
    page = open_page(router, "lan")
    expect(page.get_by_text("The network of this router is set up as chosen.")).to_be_visible()
    choose_port(page, "lan3")
    page.get_by_label("Wi-Fi", exact=True).fill("play")
    page.get_by_label("Passphrase of the Wi-Fi").fill("let's play")
    page.get_by_label("Radio").select_option("radio0")
    page.get_by_label("Internet").check()
    page.get_by_role("button", name=re.compile("^Show what")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("new network.ipop0_dev: " + BRIDGE)
    assert "list port 'lan3'" in router.thought[0] and "option key 'let'\\''s play'" in router.thought[0]
    assert router.rpcd.uci.read("ipop").keys() == {"globals"}  # only thought about
    dialog.get_by_role("button", name="Close").click()

    apply(page)
    group = router.rpcd.uci.read("ipop")["friends"]
    assert {name: value for name, value in group.items() if name[0] != "."} == {
        "port": ["lan3"], "ssid": "play", "key": "let's play", "radio": "radio0", "internet": "1"}
    expect(page.get_by_label("Wi-Fi", exact=True)).to_have_value("play")

    # and back
    page.get_by_label("Network").select_option("none")
    expect(page.locator("[data-name=ssid]")).to_be_hidden()
    apply(page)
    assert router.rpcd.uci.read("ipop")["friends"]["serve"] == "none"


def test_a_long_configuration_can_be_thought_about(router, open_page):
    """rpcd has room for 1024 bytes where it has to look at what a program is told."""
    turns = "".join(f"\tlist turn 'turn://someone:something@turn{i}.example:3478'\n" for i in range(30))
    router.home.config.write_text(router.home.config.read_text() + turns)
    page = open_page(router, "lan")
    page.get_by_role("button", name=re.compile("^Show what")).click()
    expect(page.get_by_role("dialog")).to_contain_text("new network.ipop0_dev: " + BRIDGE)
    assert "turn29.example" in router.thought[0]


def test_what_is_saved_and_not_applied_can_be_looked_at_and_taken_back(router, open_page):
    """LuCI's own way, which must find in our forms what it looks for."""
    if "LUCI_FILES" not in os.environ:
        pytest.skip("it needs a real LuCI's files: LUCI_FILES is not set")
    page = open_page(router, "lan")
    page.get_by_label("Wi-Fi", exact=True).fill("play")
    page.get_by_label("Passphrase of the Wi-Fi").fill("let's play")
    page.locator(".cbi-page-actions").get_by_text("Save", exact=True).click()
    page.locator("#indicators").get_by_text("Unsaved Changes").click()
    dialog = page.locator(".modal")
    expect(dialog).to_contain_text("friends")
    expect(dialog).to_contain_text("play")
    assert "friends" not in router.rpcd.uci.read("ipop")
    with page.expect_navigation(timeout=30_000):
        dialog.get_by_role("button", name="Revert").click()
    expect(page.get_by_label("Wi-Fi", exact=True)).to_have_value("")
    expect(page.locator("#indicators")).not_to_contain_text("Unsaved Changes")


@pytest.mark.parametrize("user", ("root", "reader"))
def test_no_login_may_choose_the_options_of_ipop(router, user):
    """`--config /etc/shadow` would have it read out what it does not understand."""
    session = router.rpcd.log_in(user, rpcd.PASSWORD)
    for words in (["status"], ["setup", "--with", "", "--config", "/etc/shadow"], ["setup", "--apply", "--remove-all"]):
        asked = {"command": "/usr/bin/ipop", "params": ["--json", *words]}
        assert router.rpcd.call(session, "file", "exec", asked) == (rpcd.DENIED, None), words


def test_what_is_thought_about_is_one_text_whatever_is_in_it(tmp_path):
    """Also on MicroPython, which is handed its arguments with \\037 between them."""
    ipop = tmp_path / "ipop"
    ipop.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    ipop.chmod(0o755)
    script = (APP / "root/usr/libexec/ipop-preview").read_text().replace("/usr/bin/ipop", str(ipop))
    done = run(["sh", "-c", script, "ipop-preview", "a 'b'\n\x1f--apply", "--apply"], capture_output=True, text=True)
    assert done.stdout == "<--json><setup><--with><a 'b'\n--apply>"


def test_a_wifi_without_a_passphrase_is_not_saved(router, open_page):
    page = open_page(router, "lan")
    page.get_by_label("Wi-Fi", exact=True).fill("play")
    page.get_by_role("button", name=re.compile("^Show what")).click()
    expect(page.get_by_text("Something in the form is not right yet.")).to_be_visible()
    assert not router.thought


def test_a_guard_is_switched_off_and_on_again(router, open_page):
    page = open_page(router, "lan")
    row = page.get_by_role("row", name=re.compile("^DHCP "))
    expect(row).to_contain_text("12")
    page.get_by_role("checkbox", name="UPnP gateway").uncheck()
    apply(page)
    assert router.rpcd.uci.read("ipop")["igd"] == {".type": "guard", ".anonymous": False, "enabled": "0"}
    page.get_by_role("checkbox", name="UPnP gateway").check()
    apply(page)
    assert router.rpcd.uci.read("ipop")["igd"]["enabled"] == "1"


def test_a_group_that_is_called_as_a_guard_is_another_section(router, open_page):
    """Else the guard's switch would switch the group off."""
    router.call_otherwise("friends", "router")
    page = open_page(router, "lan")
    page.get_by_label("Internet").check()
    page.get_by_role("checkbox", name="This router").uncheck()
    apply(page)
    found = router.rpcd.uci.read("ipop")
    assert found["router"] == {".type": "guard", ".anonymous": False, "enabled": "0"}
    assert {**found["group_router"], ".anonymous": False} == {
        ".type": "group", ".anonymous": False, "name": "router", "internet": "1"}


def test_groups_whose_names_differ_by_a_sign_are_two_sections(router, open_page):
    (group,) = router.answers["groups"]()
    router.answers["groups"] = [{**group, "name": name} for name in ("book-club", "book.club")]
    page = open_page(router, "lan")
    page.get_by_label("Internet").nth(1).check()
    apply(page)
    found = router.rpcd.uci.read("ipop")
    assert (found["group_book_club"]["name"], found["group_book_club_2"]["name"]) == ("book-club", "book.club")
    assert "internet" not in found["group_book_club"] and found["group_book_club_2"]["internet"] == "1"


def test_pages_need_nothing_in_the_configuration(router, open_page):
    router.home.config.write_text("")
    page = open_page(router, "lan")
    page.get_by_role("checkbox", name="UPnP gateway").uncheck()
    apply(page)
    assert router.rpcd.uci.read("ipop")["igd"]["enabled"] == "0"


def test_settings_are_checked_and_saved(router, open_page):
    page = open_page(router, "settings")
    port = page.get_by_label("Port", exact=True)
    expect(port).to_have_value("51820")
    port.fill("70000")
    port.blur()
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_timeout(500)
    assert "port" not in router.rpcd.uci.read("ipop")["globals"]
    go(page, router, "settings")
    page.get_by_label("Port", exact=True).fill("51821")
    page.get_by_label("Forward for others").select_option("0")
    page.get_by_label("Forward at most").fill("2000")
    apply(page)
    saved = router.rpcd.uci.read("ipop")["globals"]
    assert (saved["port"], saved["relay"], saved["serve"]) == ("51821", "0", "openwrt")
    assert saved["relay_limit"] == "2000"
    expect(page.get_by_role("table", name="Brokers")).to_contain_text("broker.example:8883")


OLD, NEW = "mqtts://me:secret@old.example", "mqtt://new.example"


@pytest.fixture
def brokers(router):
    """What the group's brokers are, as the daemon answers; `refuses` is what it says instead."""
    known = SimpleNamespace(urls=[OLD, "mqtt://other.example"], refuses=None)

    def answer(group, brokers=()):
        assert group == "friends"
        if brokers and known.refuses:
            return {"error": {"code": "failed", "message": known.refuses}}
        known.urls = list(brokers) or known.urls
        return {"group": group, "brokers": known.urls}

    router.answers["group_brokers"] = answer
    return known


def test_the_owner_changes_the_brokers_of_the_group(router, brokers, open_page):
    page = open_page(router, "settings")
    area = page.get_by_label("Brokers of “friends”")
    expect(area).to_have_value(OLD + "\nmqtt://other.example")
    brokers.refuses = "broker 'http://x': expected mqtt://HOST"
    area.fill("http://x")
    page.get_by_role("button", name="Save brokers").click()
    expect(page.get_by_text(brokers.refuses)).to_be_visible()
    expect(area).to_have_value("http://x")
    assert brokers.urls == [OLD, "mqtt://other.example"]
    area.fill("  \n")
    page.get_by_role("button", name="Save brokers").click()
    expect(page.get_by_text("Name one broker at least")).to_be_visible()

    brokers.refuses = None
    group = {**router.answers["groups"]()[0], "brokers": [{"url": "new.example:1883", "connected": True}]}
    router.answers["groups"] = [group]
    area.fill(f" {NEW}\n\n {OLD} ")
    page.get_by_role("button", name="Save brokers").click()
    expect(page.get_by_text("The members meet there from now on.")).to_be_visible()
    expect(area).to_have_value(NEW + "\n" + OLD)
    assert brokers.urls == [NEW, OLD]
    expect(page.get_by_role("table", name="Brokers")).to_contain_text("new.example:1883")


@pytest.mark.parametrize("who", ("a reader", "a member"))
def test_others_see_where_they_meet_and_no_password(router, brokers, open_page, who):
    if who == "a member":
        group = {**router.answers["groups"]()[0], "role": "member"}
        router.answers["groups"] = [group]
    page = open_page(router, "settings", user="reader" if who == "a reader" else "root")
    expect(page.get_by_role("table", name="Brokers")).to_contain_text("broker.example:8883")
    assert page.locator("textarea[name=brokers]").count() == 0
    assert "secret" not in page.content()


def test_a_reader_is_not_told_the_urls_of_brokers(router, brokers):
    session = router.rpcd.log_in("reader", rpcd.PASSWORD)
    with pytest.raises(rpcd.Denied):
        router.rpcd.call(session, "luci.ipop", "group_brokers", {"group": "friends"})


def test_a_daemon_reads_what_was_saved_and_the_log_says_so(den, open_page):
    if den.is_real:
        pytest.skip("it changes the daemon's port, which real routers keep: LUCI_URL is set")
    page = open_page(den, "settings")
    page.get_by_label("Port", exact=True).fill("51999")
    apply(page)
    go(page, den, "log")
    expect(page.get_by_role("log")).to_contain_text("configuration applied")
    assert den.home.daemon.status()["port"] == 51999


def test_the_brokers_are_the_daemons(den, open_page):
    if den.is_real:
        pytest.skip("it makes a group with a broker that isn't there: LUCI_URL is set")
    den.home.daemon.ask("group_create", name="friends", brokers=["mqtt://u:p%20w@192.0.2.99"])
    page = open_page(den, "settings")
    area = page.get_by_label("Brokers of “friends”")
    expect(area).to_have_value("mqtt://u:p%20w@192.0.2.99")
    area.fill("mqtt://a/b?x")
    page.get_by_role("button", name="Save brokers").click()
    expect(page.get_by_text("broker 'mqtt://a/b?x'")).to_be_visible()
    area.fill("mqtt://192.0.2.98")
    page.get_by_role("button", name="Save brokers").click()
    expect(page.get_by_role("table", name="Brokers")).to_contain_text("192.0.2.98:1883")
    assert den.home.daemon.ask("group_brokers")["brokers"] == ["mqtt://192.0.2.98"]
    go(page, den, "log")
    expect(page.get_by_role("log")).to_contain_text("friends meet at other brokers from now on: 192.0.2.98:1883")
