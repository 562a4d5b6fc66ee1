"""A broker's URL: what a person can write, and what is said to one who writes something else."""

from ipop.signal.url import Url, parse, shown
from ipop.values import Refused


def test_urls():
    for text, url in (
        ("mqtt://broker.example", Url("broker.example", 1883, False, None, None, None)),
        ("mqtt://192.0.2.1:1884", Url("192.0.2.1", 1884, False, None, None, None)),
        ("mqtt://192.0.2.1/", Url("192.0.2.1", 1883, False, None, None, None)),
        ("mqtt://[2001:db8::1]", Url("2001:db8::1", 1883, False, None, None, None)),
        ("mqtt://[2001:db8::1]:1884", Url("2001:db8::1", 1884, False, None, None, None)),
        ("mqtts://broker.example", Url("broker.example", 8883, True, None, None, None)),
        ("mqtts://b:1?ca=/etc/ca.pem", Url("b", 1, True, None, None, "/etc/ca.pem")),
        ("mqtts://b/?ca=/my%20ca", Url("b", 8883, True, None, None, "/my ca")),
        ("mqtt://den@b", Url("b", 1883, False, "den", None, None)),
        ("mqtt://den:@b", Url("b", 1883, False, "den", "", None)),
        ("mqtt://den:a:b@b:2", Url("b", 2, False, "den", "a:b", None)),
        ("mqtt://d%40n:%c3%A9%25%3a@b", Url("b", 1883, False, "d@n", "é%:", None)),
    ):
        assert parse(text) == url, text


def complaint(text):
    """What `parse` says."""
    try:
        return parse(text)
    except Refused as refused:
        return refused.args[0]
    except ValueError:
        return "ValueError"


def test_what_is_no_url():
    for text in ("", "broker.example", "http://b", "mqtt:b", "mqtt://", "mqtt://:1883", "mqtt://b:0", "mqtt://b:x",
                 "mqtt://b:65536", "mqtt://@b", "mqtt://:pw@b", "mqtt://b b", "mqtt://b\n", "mqtt://2001:db8::1",
                 "mqtt://[2001:db8::1", "mqtt://[b]", "mqtt://b/topic", "mqtt://é", "MQTT://b", "mqtt://-b-"):
        assert complaint(text) == "ValueError", text


def test_what_is_nearly_one():
    for text, said in (
        ("mqtt://b?ca=/x", "after ? only ca=FILE can stand, and with mqtts:// only, not 'ca=/x'"),
        ("mqtts://b?cert=/x", "after ? only ca=FILE can stand, and with mqtts:// only, not 'cert=/x'"),
        ("mqtts://b?ca=x", "ca: expected a path that begins with /, got 'x'"),
        ("mqtt://a:b%2@b", "after % two hexadecimal digits have to follow: write %25 for the % itself"),
        ("mqtt://a:%+1@b", "after % two hexadecimal digits have to follow: write %25 for the % itself"),
        ("mqtt://a:%ff@b", "what is written as %XX has to be UTF-8"),
        ("mqtt://" + "b" * 250, "a broker's URL has at most 255 letters"),
        ("mqtt://0.0.0.0", "0.0.0.0:1883 can't be anybody's address"),
    ):
        assert complaint(text) == said, complaint(text)


def test_people_see_no_password():
    assert shown(parse("mqtts://den:secret@[2001:db8::1]:1?ca=/x")) == "[2001:db8::1]:1"
    assert shown(parse("mqtt://broker.example")) == "broker.example:1883"
