"""`ipop nat` says in one sentence what stands in the way, and what would help."""

from ipop.nat import show_nat, verdict
from ipop.show import GREEN, RED, YELLOW, Page

FOUND = {
    "family": "ipv4",
    "state": "found",
    "mapped": "203.0.113.7:51820",
    "is_nat": True,
    "mapping": "endpoint-independent",
    "filtering": "address-and-port-dependent",
    "keepalive_s": 25,
    "servers": ["198.51.100.2:3478"],
}
NAT = {
    "port": 51820,
    "hosts": ["192.168.1.2"],
    "public": False,
    "seen": [],
    "relay": False,
    "port_mapping": "the router 192.168.1.1 gives us no port mapping: it is set up to refuse",
    "mapped_port": None,
    "families": [FOUND],
}


def test_each_kind_has_its_sentence_and_its_remedy():
    for nat, colour, meaning, help in (
        (dict(NAT, public=True), GREEN, "Everybody can reach", ""),
        (dict(NAT, mapped_port="203.0.113.7:51820"), GREEN, "Everybody can reach", ""),
        (dict(NAT, families=[]), YELLOW, "isn't known yet", "stun"),
        (dict(NAT, families=[], seen=["203.0.113.7:51820"]), YELLOW, "There is a NAT", "51820"),
        (dict(NAT, families=[dict(FOUND, state="blocked")]), RED, "UDP seems to be blocked", "let UDP out"),
        (dict(NAT, families=[dict(FOUND, mapping="unknown")]), YELLOW, "There is a NAT", "51820"),
        (dict(NAT, families=[dict(FOUND, mapping="address-dependent")]), YELLOW, "A hard NAT", "51820"),
        (dict(NAT, families=[dict(FOUND, filtering="endpoint-independent")]), GREEN, "An easy NAT", ""),
        (NAT, GREEN, "A usual NAT", "51820"),
    ):
        shown = verdict(nat)
        assert shown[0] == colour and meaning in shown[1] and help in shown[2], shown
        assert bool(help) == bool(shown[2]), shown


def test_the_page_tells_what_was_found():
    page = Page(None, False)
    show_nat(page, dict(NAT, classic="Restric Port NAT"))
    for words in ("203.0.113.7:51820", "address-and-port-dependent", "25 s", "set up to refuse", "Restric Port NAT"):
        assert words in page.text, page.text
    page = Page(None, False)
    show_nat(page, dict(NAT, families=[dict(FOUND, state="asking")]))
    assert "being asked" in page.text
