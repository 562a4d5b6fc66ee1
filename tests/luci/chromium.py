"""The browser, its screens, and the way to a page."""

import os

PATH = "/usr/bin/chromium-headless-shell"
# root has no sandbox, a container has little shared memory, and the camera is a played one
FLAGS = ("--no-sandbox", "--disable-dev-shm-usage", "--use-fake-device-for-media-stream",
         "--use-fake-ui-for-media-stream")
REAL = os.environ.get("LUCI_URL", "").split()  # routers
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def launch(playwright):
    return playwright.chromium.launch(executable_path=PATH, args=FLAGS)


def go(page, router, path):
    page.goto(router.address(path))
    page.locator("#view").locator("h2, h3").first.wait_for()
