"""The feed that `make feed` builds, built once for these tests, by a key of their own."""

from pathlib import Path

import pytest
from feeds import ROOT, Package, Router, build

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    # in one process, so that it is built once
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("feed"))


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The folder of the feed; its key is beside it."""
    return build(ROOT, tmp_path_factory.mktemp("feed"))


@pytest.fixture(scope="session")
def packages(built):
    """{name: Package} of all in the feed."""
    found = [Package(file) for file in sorted(built.glob("*.ipk"))]
    return {package.name: package for package in found}


@pytest.fixture
def router(tmp_path):
    """A Router: a folder with busybox in it, which programs can be run in as their /."""
    return Router(tmp_path / "router")
