"""What those who take a Makefile into a feed of OpenWrt look for."""

import os
import re

import pytest
from feeds import ROOT

MAKEFILES = sorted(ROOT.glob("openwrt-feed/*/Makefile"))
HEX = "[0-9a-f]{64}"


@pytest.mark.parametrize("makefile", MAKEFILES, ids=lambda file: file.parent.name)
def test_a_makefile_has_what_is_asked_for(makefile):
    text = makefile.read_text()
    for line in ("include $(TOPDIR)/rules.mk", "include $(INCLUDE_DIR)/package.mk", "PKG_NAME:=", "PKG_VERSION:=",
                 "PKG_RELEASE:=", "PKG_MAINTAINER:=", "PKG_LICENSE:="):
        assert f"\n{line}" in f"\n{text}"
    assert not re.search(r"^PKG_(NAME|VERSION|RELEASE):=.*\$", text, re.M)
    assert not re.search(r"(BuildPackage|Py3Package|define Package/)[,]?\$\(PKG_NAME\)", text)  # names are literal
    if "PYPI_NAME:=" in text:
        assert re.search(f"^PKG_HASH:={HEX}$", text, re.M)
        assert text.index("pypi.mk") < text.index("/package.mk")
        for name in re.findall(r"call Py3Package,([\w-]+)", text):
            assert f"call BuildPackage,{name})" in text and f"call BuildPackage,{name}-src)" in text
    assert not re.search(r"\s$", text.removesuffix("\n"))


@pytest.mark.parametrize("makefile", MAKEFILES, ids=lambda file: file.parent.name)
def test_each_package_has_a_test_of_its_own(makefile):
    test = makefile.parent / "test.sh"
    text = test.read_text()
    assert os.access(test, os.X_OK) and text.startswith("#!/bin/sh\n")
    assert "grep -q" not in text
    for name in re.findall(r"call BuildPackage,([\w-]+)\)", makefile.read_text()):
        assert name.endswith("-src") or f'"$1" = {name} ]' in text


def test_the_packages_native_code_is_for_the_sdk_alone():
    native = [file.parent.name for file in MAKEFILES if "PKGARCH:=all" not in file.read_text()]
    assert native == ["python-pytun"]
