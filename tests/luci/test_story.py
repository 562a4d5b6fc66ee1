"""What two people do, each at their own router, from nothing to consoles that find each other, and out again."""

import re
import time

import pytest
from chromium import REAL, WIDE, go
from luci_routers import LabRouter
from openwrt_network import plug
from playwright.sync_api import expect
from test_forms import apply, choose_port


def create(page, router, name):
    """On the page Group."""
    card = page.get_by_role("region", name="Create a group")
    card.get_by_label("Name", exact=True).fill(name)
    card.get_by_text("Advanced", exact=True).click()
    card.get_by_label("Name of this router").fill("den")
    if router.broker:
        card.get_by_label("Brokers").fill(router.broker)
    card.get_by_role("button", name="Create").click()
    expect(page.get_by_role("region", name=name)).to_contain_text("This router is called")


def invite(page, approve=False):
    """The line."""
    page.get_by_role("button", name="Invite", exact=True).click()
    if approve:
        page.get_by_label("Ask me before").check()
    page.get_by_role("button", name="Make the invite").click()
    line = page.get_by_label("The invite", exact=True)
    expect(line).to_have_value(re.compile("^ipop1-"))
    expect(page.get_by_role("img", name="The invite as a QR code").locator("svg")).to_be_visible()
    value = line.input_value()
    page.get_by_role("button", name="Close").click()
    return value


def join(page, line):
    card = page.get_by_role("region", name="Join a group")
    card.get_by_label("Invite").fill(line)
    card.get_by_text("Advanced", exact=True).click()
    card.get_by_label("Name of this router").fill("cabin")
    card.get_by_role("button", name="Join", exact=True).click()


def test_from_nothing_to_a_console_in_another_home_and_out_again(den_and_cabin, open_page):
    den, cabin = den_and_cabin
    here = open_page(den)
    expect(here.locator("#ipop-verdict")).to_contain_text("This router is in no group yet.")
    here.get_by_role("button", name="Create a group").click()
    create(here, den, "friends")
    line = invite(here)

    there = open_page(cabin, "group")
    join(there, f"  <{line[:60]}\n{line[60:]}>\n")  # as mail programs break it
    expect(there.get_by_role("region", name="friends")).to_contain_text("Members")

    cabin.plug_in()
    go(here, den, "overview")
    expect(here.locator("#ipop-verdict")).to_contain_text("Working: connected with cabin.")
    row = here.get_by_role("row", name=re.compile("^cabin .*direct"))
    expect(row).to_contain_text(" ms")
    expect(here.get_by_role("img", name=re.compile("cabin: direct"))).to_be_visible()
    console = here.get_by_role("table", name="Devices").get_by_role("row").filter(has_text="cabin")
    expect(console).to_have_count(1)
    go(there, cabin, "status/overview")
    expect(there.locator("#ipop-tile")).to_contain_text("Working: connected with den.")

    go(here, den, "group")
    here.get_by_role("button", name="Remove cabin").click()
    expect(here.get_by_role("dialog", name="Remove cabin from “friends”?")).to_contain_text("This can't be taken back.")
    here.get_by_role("button", name="Remove", exact=True).click()
    expect(here.get_by_role("dialog")).to_have_count(0)
    expect(here.get_by_role("table", name="Members").get_by_role("row").filter(has_text="cabin")).to_have_count(0)
    go(there, cabin, "group")
    expect(there.get_by_text("this router was removed from the group")).to_be_visible()

    for page in (here, there):
        page.get_by_role("button", name="Leave").click()
        page.get_by_role("dialog").get_by_role("button", name="Leave").click()
        expect(page.get_by_text("This router is in no group.")).to_be_visible()


def test_from_an_installed_package_to_a_console_in_the_group(open_page):
    """On routers whose network is OpenWrt's: how long it takes a person who reads nothing twice is printed."""
    if REAL:
        pytest.skip("it plugs cables, which nobody does for real routers: LUCI_URL is set")
    with LabRouter.two_of_openwrt() as ((den, den_network), (cabin, cabin_network)):
        began = time.monotonic()
        here, there = open_page(den, "group"), open_page(cabin, "group")
        create(here, den, "friends")
        join(there, invite(here))
        expect(there.get_by_role("region", name="friends")).to_contain_text("Members")
        for page, network in ((here, den_network), (there, cabin_network)):
            page.get_by_role("button", name="Choose ports and Wi-Fi").click()
            choose_port(page, "lan2")
            page.get_by_role("button", name=re.compile("^Show what")).click()
            expect(page.get_by_role("dialog")).to_contain_text("network.ipop0_dev")
            expect(page.get_by_role("dialog")).to_contain_text("lan2")
            page.get_by_role("button", name="Close").click()
            apply(page)
            network.obey()  # as procd has root do it
        nas, console = plug(den_network, "nas", "lan2"), plug(cabin_network, "console", "lan2")
        assert console.reaches(nas.address)
        print(f"from the installed package to a console in the group: {time.monotonic() - began:.0f} s")
        go(here, den, "lan")
        expect(here.get_by_text("The network of this router is set up as chosen.")).to_be_visible()
        go(here, den, "overview")
        devices = here.get_by_role("table", name="Devices")
        expect(devices.get_by_role("row", name=re.compile("^console .*console.cabin.friends.internal"))).to_be_visible()


def test_who_waits_is_let_in_by_the_fingerprint_on_both_pages(den_and_cabin, open_page):
    den, cabin = den_and_cabin
    here, there = open_page(den, "group"), open_page(cabin, "group")
    create(here, den, "friends")
    join(there, invite(here, approve=True))
    joining = there.get_by_role("region", name="friends")
    expect(joining).to_contain_text("waiting for approval")
    shown = joining.locator(".ipop-fingerprint").first

    request = here.get_by_role("table", name="Routers that wait to be let in").get_by_role("row", name="cabin")
    expect(request).to_contain_text(shown.inner_text())
    request.get_by_role("button", name="Let in cabin").click()
    expect(here.get_by_role("table", name="Members").get_by_role("row").filter(has_text="cabin")).to_have_count(1)
    expect(there.get_by_role("region", name="friends")).to_contain_text("Members")


def test_what_the_daemon_refuses_is_told_in_its_own_words(den, open_page):
    page = open_page(den, "group")
    join(page, "ipop1-AQFnonsense")
    said = page.get_by_role("region", name="Join a group").get_by_role("status")
    expect(said).to_contain_text("invite")
    assert said.get_attribute("data-level") == "bad"
    card = page.get_by_role("region", name="Create a group")
    card.get_by_role("button", name="Create").click()
    expect(card.get_by_role("status")).to_contain_text("Give the group a name.")
    card.get_by_label("Name", exact=True).fill("friends")
    card.get_by_text("Advanced", exact=True).click()
    card.get_by_label("Addresses").fill("10.77.0.0/30")
    card.get_by_role("button", name="Create").click()
    expect(card.get_by_role("status")).to_contain_text("10.77.0.0/30")


def test_members_are_renamed_and_made_admins(den_and_cabin, open_page):
    den, cabin = den_and_cabin
    here, there = open_page(den, "group"), open_page(cabin, "group")
    create(here, den, "friends")
    join(there, invite(here))
    here.get_by_role("button", name="Rename cabin").click()
    here.get_by_label("New name").fill("hut")
    here.get_by_role("dialog").get_by_role("button", name="Rename", exact=True).click()
    here.get_by_role("button", name="Make hut an admin").click()
    here.get_by_role("dialog").get_by_role("button", name="Make admin").click()
    expect(here.get_by_role("row", name=re.compile("^hut .*admin"))).to_be_visible()
    # who is an admin may invite, and remove nobody who is above it
    expect(there.get_by_role("button", name="Invite", exact=True)).to_be_visible()
    expect(there.get_by_role("button", name="Remove den")).to_have_count(0)


def test_another_router_takes_the_place_of_one_that_broke(den_and_cabin, open_page):
    den, spare = den_and_cabin
    page = open_page(den, "group")
    create(page, den, "friends")
    page.get_by_role("button", name="Recovery line").click()
    page.get_by_role("button", name="Make the recovery line").click()
    dialog = page.get_by_role("dialog")
    line, passphrase = dialog.get_by_label("Recovery line", exact=True), dialog.get_by_label("Passphrase")
    expect(passphrase).not_to_have_value("")
    kept = line.input_value(), passphrase.input_value()
    page.context.close()  # it broke

    other = open_page(spare, "group")
    other.get_by_text("Take the place of a router that broke").click()
    other.get_by_label("Recovery line").fill(kept[0])
    other.get_by_label("Passphrase").fill(kept[1])
    other.get_by_role("button", name="Take its place").click()
    expect(other.get_by_role("region", name="friends")).to_contain_text("owner")
    expect(other.get_by_text("This router is “den” in “friends” now.")).to_be_visible()


def test_a_daemon_that_stops_is_told_and_started_again(den, open_page):
    if den.is_real:
        pytest.skip("it stops the daemon, which real routers keep: LUCI_URL is set")
    page = open_page(den)
    den.home.daemon.stop()
    verdict = page.locator("#ipop-verdict")
    expect(verdict).to_contain_text("IPOP is not running on this router.")
    verdict.get_by_role("button", name="Start IPOP").click()
    expect(verdict).to_contain_text("This router is in no group yet.")


def test_another_camera_reads_the_invite(den, browser):
    """Where the browser can read QR codes, as on phones. Chromium can't on Linux: the reader is played."""
    context = browser.new_context(viewport=WIDE, permissions=["camera"])
    context.add_init_script("""window.BarcodeDetector = class {
        async detect(video) { return video.videoWidth ? [ { rawValue: 'ipop1-FROMTHECAMERA' } ] : []; } };""")
    page = context.new_page()
    den.log_in(page, "root")
    go(page, den, "group")
    if not page.evaluate("() => isSecureContext"):
        pytest.skip("browsers lend the camera to pages over HTTPS only, and LUCI_URL is without")
    page.get_by_role("button", name="Scan a QR code").click()
    expect(page.get_by_label("Invite", exact=True)).to_have_value("ipop1-FROMTHECAMERA")
    expect(page.get_by_role("dialog")).to_have_count(0)
    context.close()
