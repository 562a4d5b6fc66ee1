"""Takes the pictures of the web interface that the README shows: four homes in a lab, one of them relayed.

    make pictures
    LUCI_FILES=…    with a real LuCI's files, as the ones that are committed (see luci_server.py)
"""

from contextlib import ExitStack

from brokers import Mosquitto
from chromium import NARROW, WIDE, go, launch
from groups import create, invite, join, wait_connected
from lab import ROOT, Lab
from luci_routers import LabRouter
from openwrt_network import OpenWrt, plug
from playwright.sync_api import sync_playwright

FOLDER = ROOT / "luci-app-ipop/pictures"
PAGES = ("overview", "group", "lan", "settings", "log")
LOOKS = {"light": WIDE, "dark": WIDE, "light-narrow": NARROW, "dark-narrow": NARROW}
TRAFFIC = 40  # s of it, so that there is something to see in the graphs


def main():
    FOLDER.mkdir(exist_ok=True)
    with Lab() as lab, ExitStack() as stack, sync_playwright() as playwright:
        browser = launch(playwright)
        cabin = _a_group(lab, stack)
        for look, viewport in LOOKS.items():
            page = _page(browser, cabin, viewport, look.partition("-")[0])
            for path in PAGES:
                go(page, cabin, path)
                page.wait_for_timeout(TRAFFIC * 1000 if path == "overview" else 1000)
                _take(page, f"{path}-{look}")
            if look == "light":
                _dialog(page, cabin)
        page = _page(browser, cabin, WIDE, "light", locale="zh-CN")
        go(page, cabin, "overview")
        page.wait_for_timeout(TRAFFIC * 1000)
        _take(page, "overview-chinese")
        browser.close()


def _a_group(lab, stack):
    """The cabin's router, which owns the group. It can't meet the hut, so the den relays; the lodge is off."""
    broker = Mosquitto(lab.add_host("broker")).url
    networks = {name: OpenWrt(lab, name, "24.10", port=["lan2"]) for name in ("cabin", "den", "hut", "lodge")}
    homes = {name: network.home for name, network in networks.items()}
    cabin = homes.pop("cabin")
    away = homes["hut"].router.address
    cabin.router.nft(f"""table inet wall {{
        chain in {{ type filter hook input priority -10; ip saddr {away} drop; }}
    }}""")
    create(cabin, "friends", broker)
    for name in ("den", "lodge", "hut"):
        join(homes[name], invite(cabin))
    for network in networks.values():
        network.obey()
    wait_connected(cabin, *homes, seconds=30)
    devices = [plug(networks[home], device, "lan2") for home, device in
               (("cabin", "console"), ("den", "nas"), ("hut", "tv"))]
    homes["lodge"].daemon.stop()
    for device in devices[1:]:
        devices[0].start_ping(device.address, interval=0.02)
    return LabRouter(cabin, broker, stack)


def _page(browser, router, viewport, colours, locale="en"):
    page = browser.new_context(viewport=viewport, color_scheme=colours, locale=locale).new_page()
    router.log_in(page, "root")
    return page


def _dialog(page, router):
    go(page, router, "group")
    page.get_by_role("button", name="Invite", exact=True).click()
    page.get_by_role("button", name="Make the invite").click()
    page.get_by_role("img", name="The invite as a QR code").locator("svg").wait_for()
    _take(page, "invite-light", whole=False)


def _take(page, name, whole=True):
    page.screenshot(path=FOLDER / f"{name}.png", full_page=whole)


if __name__ == "__main__":
    main()
