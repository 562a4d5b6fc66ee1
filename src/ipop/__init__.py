"""IPOP: a router's LAN joined to a group's, peer to peer, encrypted end to end."""

VERSION = "0.1.0"
