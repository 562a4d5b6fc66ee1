"""IPOP: a router's LAN joined to a group's, peer to peer, encrypted end to end."""

VERSION = "0.1.0"
RELEASED = 1_748_736_000_000  # ms since 1970: no clock that is right says less
