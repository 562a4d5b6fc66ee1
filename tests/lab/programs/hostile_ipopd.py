"""An ipopd of somebody who wants others no good: whatever its devices say goes into the tunnels.

    hostile_ipopd.py IPOPD ARGUMENT...      the path of the real one is only looked at by whoever starts it
"""

import sys

from ipop.daemon import daemon
from ipop.lan.address_guard import AddressGuard
from ipop.lan.bindings import LAN
from ipop.lan.floods import StormLimit
from ipop.lan.guards import Guards
from ipop.lan.loops import LoopWatch
from ipop.lan.multicast import Multicast

_check = AddressGuard.check


def _pass(*_):
    pass


def _check_others(self, packet, mem, owner, now):
    if owner is not LAN:
        _check(self, packet, mem, owner, now)


Guards.check_out = StormLimit.check_out = Multicast.check_out = _pass
LoopWatch.handle_lan_frame = lambda *_: False
AddressGuard.check = _check_others
sys.exit(daemon.main(sys.argv[2:]))
