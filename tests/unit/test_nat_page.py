"""`ipop nat` says in one sentence what stands in the way, and what would help."""

from ipop.command.nat import show_nat, verdict
from ipop.command.show import GREEN, RED, YELLOW, Page
from ipop.daemon import outlook

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
    "relayed": [],
    "means": "usual",
    "help": "forward",
    "families": [FOUND],
}


def test_each_kind_has_its_sentence_and_its_remedy():
    blocked, found6 = dict(FOUND, state="blocked"), dict(FOUND, family="ipv6", is_nat=False)
    hard = dict(FOUND, mapping="address-dependent")
    seen = ["203.0.113.7:51820"]
    public, dual = ["203.0.113.7", "192.168.9.1"], ["2001:db8::7", "192.168.1.2"]
    for facts, colour, meaning, help in (
        ({"hosts": public}, GREEN, "Everybody can reach", ""),
        ({"hosts": public, "families": [dict(FOUND, is_nat=False, filtering="unknown")]}, GREEN, "Everybody can", ""),
        ({"hosts": public, "families": [dict(FOUND, is_nat=False)]}, GREEN, "behind a firewall", "51820"),
        ({"hosts": public, "families": [blocked], "seen": seen}, GREEN, "Everybody can reach", ""),
        ({"mapped_port": "203.0.113.7:51820"}, GREEN, "Everybody can reach", ""),
        ({"mapped_port": "100.64.0.2:51820"}, GREEN, "A usual NAT", "another NAT"),
        ({"hosts": ["2001:db8::7", "fd00::7"], "families": []}, GREEN, "IPv6 only", ""),
        ({"hosts": ["2001:db8::7"], "families": [blocked, found6]}, GREEN, "IPv6 only", "let UDP port 51820 in"),
        ({"hosts": dual}, GREEN, "A usual NAT", "51820"),
        ({"hosts": dual, "families": [hard, found6]}, YELLOW, "A hard NAT", "51820"),
        ({"families": []}, YELLOW, "isn't known yet", "stun"),
        ({"families": [dict(FOUND, state="asking")]}, YELLOW, "isn't known yet", ""),
        ({"families": [], "seen": seen}, YELLOW, "There is a NAT", "51820"),
        ({"families": [blocked]}, RED, "UDP seems to be blocked", "let UDP out, or add a TURN server"),
        ({"families": [blocked], "relayed": ["198.51.100.2:5000"]}, YELLOW, "through the TURN server", "let UDP out"),
        ({"families": [blocked], "seen": seen}, YELLOW, "There is a NAT", "51820"),
        ({"families": [dict(FOUND, mapping="unknown")]}, YELLOW, "There is a NAT", "51820"),
        ({"families": [hard]}, YELLOW, "A hard NAT", "51820"),
        ({"families": [dict(FOUND, filtering="endpoint-independent")]}, GREEN, "An easy NAT", ""),
        ({}, GREEN, "A usual NAT", "51820"),
    ):
        nat = dict(NAT, **facts)
        nat["means"], nat["help"] = outlook.judge(nat)
        shown = verdict(nat)
        assert shown[0] == colour and meaning in shown[1] and help in shown[2], (facts, shown)
        assert bool(help) == bool(shown[2]), shown


def test_the_page_tells_what_was_found():
    page = Page(None, False)
    show_nat(page, dict(NAT, classic="Restric Port NAT"))
    for words in ("203.0.113.7:51820", "address-and-port-dependent", "25 s", "set up to refuse", "Restric Port NAT"):
        assert words in page.text, page.text
    page = Page(None, False)
    show_nat(page, dict(NAT, families=[dict(FOUND, state="asking")]))
    assert "being asked" in page.text
    page = Page(None, False)
    show_nat(page, dict(NAT, families=[FOUND, dict(FOUND, family="ipv6", state="blocked")]))
    assert "IPv6" not in page.text  # there is none here, so nobody could have answered
