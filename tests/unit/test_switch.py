"""Frames go to the router behind which a device was last seen, and to all of them while nobody knows."""

from ipop.errors import Rejected
from ipop.lan.switch import AGEING_TIME, FLOOD, LAN, SHARE_MAX, TABLE_MAX, Switch

TV = b"\x02tv..."
CONSOLE = b"\x02cons."
PHONE = b"\x02phon."
EVERYBODY = b"\xff" * 6
MDNS = b"\x01\x00\x5e\x00\x00\xfb"
CABIN, DEN = "port of the cabin", "port of the den"


def device(n):
    return bytes([2, 0, n >> 24, n >> 16 & 255, n >> 8 & 255, n & 255])


def rejection(act, *args):
    try:
        act(*args)
    except Rejected as rejected:
        return rejected.reason
    return None


def test_unknown_devices_are_looked_for_everywhere():
    assert Switch().handle_lan_frame(TV, CONSOLE, 0) is FLOOD


def test_a_device_is_found_where_it_was_heard():
    switch = Switch()
    switch.handle_peer_frame(CONSOLE, TV, CABIN, 0)
    assert switch.handle_lan_frame(TV, CONSOLE, 0) is CABIN


def test_two_devices_of_the_lan_talk_without_us():
    switch = Switch()
    switch.handle_lan_frame(EVERYBODY, PHONE, 0)
    assert switch.handle_lan_frame(PHONE, CONSOLE, 0) is LAN


def test_a_device_that_moves_is_found_at_its_new_place_at_once():
    """Somebody carries a phone from one home to another, and back."""
    switch = Switch()
    switch.handle_peer_frame(CONSOLE, PHONE, CABIN, 0)
    switch.handle_peer_frame(CONSOLE, PHONE, DEN, 1)
    assert switch.handle_lan_frame(PHONE, CONSOLE, 2) is DEN
    switch.handle_lan_frame(EVERYBODY, PHONE, 3)
    assert switch.handle_lan_frame(PHONE, CONSOLE, 4) is LAN
    switch.handle_peer_frame(CONSOLE, PHONE, CABIN, 5)
    assert switch.handle_lan_frame(PHONE, CONSOLE, 6) is CABIN
    assert len([mac for mac, _, _ in switch.devices() if mac == PHONE]) == 1


def test_a_device_that_is_silent_for_five_minutes_is_looked_for_again():
    switch = Switch()
    switch.handle_peer_frame(CONSOLE, TV, CABIN, 1000)
    assert switch.handle_lan_frame(TV, CONSOLE, 1000 + AGEING_TIME - 1) is CABIN
    assert switch.handle_lan_frame(TV, CONSOLE, 1000 + AGEING_TIME) is FLOOD
    switch.age(1000 + AGEING_TIME)
    assert TV not in [mac for mac, _, _ in switch.devices()]


def test_a_device_that_speaks_is_not_forgotten():
    switch = Switch()
    for now in range(0, 3 * AGEING_TIME, AGEING_TIME // 2):
        switch.handle_peer_frame(CONSOLE, TV, CABIN, now)
        switch.age(now)
        assert switch.handle_lan_frame(TV, CONSOLE, now) is CABIN


def test_what_is_for_all_goes_to_all():
    switch = Switch()
    assert switch.handle_lan_frame(EVERYBODY, CONSOLE, 0) is FLOOD
    assert switch.handle_lan_frame(MDNS, CONSOLE, 0) is FLOOD


def test_a_group_address_is_never_learned():
    """A frame "from" everybody would draw everybody's traffic to one peer."""
    switch = Switch()
    assert rejection(switch.handle_lan_frame, TV, EVERYBODY, 0) == "bad-source"
    assert rejection(switch.handle_peer_frame, TV, MDNS, CABIN, 0) == "bad-source"
    assert switch.devices() == []
    assert switch.handle_lan_frame(MDNS, CONSOLE, 0) is FLOOD


def test_frames_for_the_link_alone_stay_on_it():
    """Spanning tree, LLDP, pause frames: in another home they would do harm."""
    switch = Switch()
    for last in range(16):
        address = b"\x01\x80\xc2\x00\x00" + bytes([last])
        assert rejection(switch.handle_lan_frame, address, CONSOLE, 0) == "link-local"
        assert rejection(switch.handle_peer_frame, address, TV, CABIN, 0) == "link-local"
    assert switch.handle_lan_frame(b"\x01\x80\xc2\x00\x00\x10", CONSOLE, 0) is FLOOD


def test_a_home_that_is_gone_is_forgotten():
    switch = Switch()
    switch.handle_peer_frame(CONSOLE, TV, CABIN, 0)
    switch.handle_peer_frame(CONSOLE, PHONE, DEN, 0)
    switch.forget_port(CABIN)
    assert switch.handle_lan_frame(TV, CONSOLE, 0) is FLOOD
    assert switch.handle_lan_frame(PHONE, CONSOLE, 0) is DEN


def test_one_home_can_not_fill_the_table():
    """A hostile peer that makes up addresses takes its share and no more; the others are found as before."""
    switch = Switch()
    for n in range(2 * SHARE_MAX):
        switch.handle_peer_frame(CONSOLE, device(n), CABIN, 0)
    assert len(switch.devices()) == SHARE_MAX
    switch.handle_peer_frame(CONSOLE, TV, DEN, 0)
    assert switch.handle_lan_frame(TV, CONSOLE, 0) is DEN
    assert switch.handle_lan_frame(device(0), CONSOLE, 0) is CABIN
    assert switch.handle_lan_frame(device(2 * SHARE_MAX - 1), CONSOLE, 0) is FLOOD


def test_shares_are_given_back():
    switch = Switch()

    def fill(port, now):
        for n in range(SHARE_MAX):
            switch.handle_peer_frame(CONSOLE, device(n), port, now)
        return len([mac for mac, at, _ in switch.devices() if at is port])

    assert fill(CABIN, 0) == SHARE_MAX
    assert fill(DEN, 1) == SHARE_MAX  # they moved
    assert fill(CABIN, 2) == SHARE_MAX  # and back
    switch.age(2 + AGEING_TIME)
    assert switch.devices() == []
    assert fill(CABIN, 2 + AGEING_TIME) == SHARE_MAX
    switch.forget_port(CABIN)
    assert fill(CABIN, 3 + AGEING_TIME) == SHARE_MAX


def test_the_table_has_an_end():
    switch = Switch()
    for port in range(8):
        for n in range(SHARE_MAX):
            switch.handle_peer_frame(CONSOLE, device(port << 16 | n), "port %d" % port, 0)
    assert len(switch.devices()) == TABLE_MAX
