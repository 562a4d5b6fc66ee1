"""A group in a lab, as people make one: a home creates it, others join with a line of text.

    den, cabin = new_home(lab, "den"), new_home(lab, "cabin", nat=True)
    create(den, "friends", broker.url)
    join(cabin, invite(den))
    assert console_of(cabin).reaches(console_of(den).address)
"""

import json

from netns import wait_for

from ipop.group.store import Shelf
from ipop.ports import crypto, files


def new_home(lab, name, **kind):
    """A home with one console, whose daemon runs and is in no group; `kind` is what Lab.add_home takes."""
    home = lab.add_home(name, **kind)
    home.add_console("pc")
    home.start_daemon()
    return home


def asked(home, *words):
    """What `ipop` answers, as JSON."""
    return json.loads(home.daemon.ipop("--json", *words).stdout)


def create(home, group, *brokers, name=None):
    urls = [word for broker in brokers for word in ("--broker", broker)]
    return asked(home, "group", "create", group, "--name", name or home.name, *urls)


def invite(home, *words):
    """The line."""
    return asked(home, "invite", *words)["line"]


def join(home, line, *words, name=None, check=True):
    return home.daemon.ipop("join", line, "--name", name or home.name, "--wait", 40, *words, check=check)


def group_of(home, name=None):
    """What `ipop groups` says of one group; of the only one, without a name."""
    groups = [group for group in home.daemon.ask("groups") if name in (None, group["name"])]
    assert len(groups) == 1, groups
    return groups[0]


def console_of(home, group=None, console=None):
    """A console of the home, with an address of the slice that its router has in the group."""
    console = console or home.consoles[0]
    router, length = group_of(home, group)["address"].split("/")
    address = router.rpartition(".")[0] + ".10"
    if console.address != address:
        console.address = address
        console.ip("addr flush dev eth0 scope global", f"addr add {address}/{length} dev eth0",
                   f"route add default via {router}")
    return console


def wait_connected(home, *names, seconds=10):
    """Until the home's router is connected with the members of these names."""

    def is_so():
        return set(names) <= {peer["name"] for peer in home.daemon.ask("peers") if peer["state"] == "connected"}

    wait_for(is_so, seconds, f"{home.name}: connected with {', '.join(names)}")


def on_flash(home, group):
    """What the home's router keeps of a group: a Saved."""
    return Shelf(files, crypto, str(home.folder / "groups")).load(group)
