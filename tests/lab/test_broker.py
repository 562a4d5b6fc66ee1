"""Members talk through a real mosquitto, however it fails; and where they can't, each is told why.

Each story is told twice, with members on CPython and on MicroPython, in the same words but for what is said where.
"""

import functools
import itertools
from pathlib import Path

import pytest
from brokers import Certificates, Mosquitto, password_file
from netns import BIN, PROGRAMS, wait_for

ROOT = Path(__file__).parent.parent.parent
INTERPRETERS = {
    "cpython": [BIN / "python"],
    "micropython": ["env", f"MICROPYPATH={ROOT}/src", ROOT / ".cache/micropython/micropython"],
}

LAST_WORDS = [("--last", "ipop/bye", str(i)) for i in range(50)]
MEMORY_MAX = {"cpython": 60_000, "micropython": 10_000}  # kB

pytestmark = [
    pytest.mark.parametrize("lab", ["cpython"], indirect=True),  # it has no homes
]


@pytest.fixture(params=INTERPRETERS)
def interpreter(request):
    return request.param


@pytest.fixture
def member(interpreter):
    """Starts one: member(host, *arguments)"""
    return functools.partial(start_member, interpreter)


@pytest.fixture
def trouble(member):
    """What a member is told that can't connect: trouble(host, *urls)"""
    def trouble(host, *urls, seconds=5):
        process = member(host, *urls)
        process.wait_for_output("disconnected", seconds)
        return process.stop().splitlines()[0].removeprefix("disconnected ")
    return trouble


@pytest.fixture
def certificates():
    with Certificates() as certificates:
        yield certificates


def start_member(interpreter, host, *arguments):
    return host.spawn([*INTERPRETERS[interpreter], PROGRAMS / "member.py", *arguments])


def odd_broker(host, mode):
    """A broker that is not as it should be; its URL."""
    host.spawn([BIN / "python", PROGRAMS / "odd_broker.py", mode]).wait_for_output("listening")
    return f"mqtt://{host.address}:1884"


# --- talking


@pytest.mark.parametrize("mode", ["5", "refuse-5", "ignore-5"])
def test_what_one_says_the_other_hears(lab, member, mode):
    """With MQTT 5, and with 3.1.1 where a broker knows no more."""
    server, den, cabin = map(lab.add_host, ("server", "den", "cabin"))
    url = Mosquitto(server).url
    if mode != "5":
        url = odd_broker(server, mode)
    early = member(den, "--listen", "ipop/+", url)
    early.wait_for_output("connected")
    member(cabin, "--retain", "ipop/kept", "kept", "--publish", "ipop/heard", "once", url)
    early.wait_for_output("message ipop/heard once")
    early.wait_for_output("message ipop/kept kept")
    late = member(den, "--listen", "ipop/+", url)
    late.wait_for_output("message ipop/kept kept")
    assert "once" not in late.output


def test_the_broker_dies_and_comes_back_with_nothing(lab, member):
    server, den, cabin = map(lab.add_host, ("server", "den", "cabin"))
    broker = Mosquitto(server)
    listener = member(den, "--listen", "ipop/+", broker.url)
    speaker = member(cabin, "--retain", "ipop/kept", "kept", broker.url)
    listener.wait_for_output("message ipop/kept kept")
    broker.kill()
    for process in (listener, speaker):
        process.wait_for_output(f"disconnected broker {server.address}:1883: the connection broke off")
        process.wait_for_output(f"disconnected broker {server.address}:1883: connection refused")
    broker.start()
    wait_for(lambda: listener.output.count("message ipop/kept kept") >= 2, 10, "the message of the second life")


@pytest.mark.long(seconds=50)
def test_another_broker_takes_over_and_hands_back(lab, member):
    first, second, den, cabin = map(lab.add_host, ("first", "second", "den", "cabin"))
    best, other = Mosquitto(first), Mosquitto(second)
    listener = member(den, "--listen", "ipop/+", best.url, other.url)
    speaker = member(cabin, "--retain", "ipop/kept", "kept", best.url, other.url)
    listener.wait_for_output("message ipop/kept kept")
    best.kill()
    for process in (listener, speaker):
        process.wait_for_output(f"connected {second.address}:1883", 10)
    wait_for(lambda: listener.output.count("message ipop/kept kept") >= 2, 5, "the message at the second broker")
    best.start()
    for process in (listener, speaker):
        wait_for(lambda p=process: p.output.count(f"connected {first.address}:1883") == 2, 70, "back at the first")
        # The connection to the second one stood until then, so nobody was told of trouble.
        assert process.output.rindex("disconnected") < process.output.index(f"connected {second.address}")


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_will_is_published_for_who_dies_and_for_nobody_else(lab, member, certificates, tls):
    server, den, cabin = map(lab.add_host, ("server", "den", "cabin"))
    if tls:
        certificate, key = certificates.sign(f"IP:{server.address}")
        url = Mosquitto(server, "--certificate", certificate, "--key", key).url + f"?ca={certificates.ca}"
    else:
        url = Mosquitto(server).url
    listener = member(den, "--listen", "ipop/+", url)
    listener.wait_for_output("connected")
    for name in ("polite", "sudden"):
        said = [("--publish", "ipop/here", name), ("--will", "ipop/gone", name)]
        process = member(cabin, *itertools.chain(*said, *LAST_WORDS), "--listen", "ipop/+", url)
        listener.wait_for_output(f"message ipop/here {name}")
        if name == "polite":
            process.stop()
        else:
            process.kill()
    listener.wait_for_output("message ipop/gone sudden")
    assert all(f"bye {text}" in listener.output for *_, text in LAST_WORDS)  # though they came to ourselves too
    assert "gone polite" not in listener.output


def test_an_address_that_has_changed(lab, member):
    server, den = map(lab.add_host, ("server", "den"))
    process = member(den, "--listen", "ipop/+", "--retain", "ipop/kept", "kept", Mosquitto(server).url)
    process.wait_for_output("message ipop/kept kept")
    process.popen.send_signal(1)  # SIGHUP
    wait_for(lambda: process.output.count("\nmessage ipop/kept kept") >= 2, 2, "a new connection")


def test_thousands_of_messages_that_wait(lab, member):
    """A large group: who comes back gets all announcements, though a broker queues only so many."""
    server, den, cabin = map(lab.add_host, ("server", "den", "cabin"))
    url = Mosquitto(server).url
    texts = [text for i in range(4000) for text in ("--retain", f"ipop/{i}", "x" * 20)]
    speaker = start_member("cpython", cabin, *texts, "--publish", "ipop/done", "done", "--listen", "ipop/done", url)
    speaker.wait_for_output("message ipop/done", 20)
    listener = member(den, "--listen", "ipop/+", url)
    wait_for(lambda: listener.output.count("message") == 4000, 20, "all the messages")


# --- TLS and passwords


def test_tls(lab, member, trouble, certificates):
    server, den = map(lab.add_host, ("server", "den"))
    certificate, key = certificates.sign(f"IP:{server.address}")
    url = Mosquitto(server, "--certificate", certificate, "--key", key).url
    process = member(den, "--listen", "ipop/+", "--retain", "ipop/kept", "kept", f"{url}?ca={certificates.ca}")
    process.wait_for_output("message ipop/kept kept")

    place = f"broker {server.address}:8883: "
    untrusted = place + "certificate is not trusted: unable to get local issuer certificate"
    assert trouble(den, url) == untrusted
    assert trouble(den, f"{url}?ca={certificates.other_ca}").startswith(place + "certificate is not trusted: ")
    assert trouble(den, f"{url}?ca=/nowhere") == place + "/nowhere: no such file or directory"
    assert trouble(den, f"{url}?ca={key}") == f"{place}there is no certificate in {key}"
    assert trouble(den, f"mqtt://{server.address}:8883") == place + "hung up without an answer"


def test_a_certificate_for_another_name(lab, trouble, certificates):
    server, den = map(lab.add_host, ("server", "den"))
    certificate, key = certificates.sign("DNS:broker.example")
    url = Mosquitto(server, "--certificate", certificate, "--key", key).url
    said = trouble(den, f"{url}?ca={certificates.ca}")
    assert said.startswith(f"broker {server.address}:8883: certificate is not trusted: IP address mismatch")


def test_a_certificate_that_has_expired(lab, trouble, certificates):
    server, den = map(lab.add_host, ("server", "den"))
    certificate, key = certificates.sign(f"IP:{server.address}", days=-1)
    url = Mosquitto(server, "--certificate", certificate, "--key", key).url
    said = trouble(den, f"{url}?ca={certificates.ca}")
    assert said.endswith("certificate is not trusted: certificate has expired (is this router's clock right?)")


def test_no_tls_where_it_is_asked_for(lab, trouble):
    server, den = map(lab.add_host, ("server", "den"))
    Mosquitto(server)
    said = trouble(den, f"mqtts://{server.address}:1883")
    assert said.startswith(f"broker {server.address}:1883: no TLS there (")


@pytest.mark.parametrize("mode", ["5", "refuse-5"])
def test_passwords(lab, member, trouble, certificates, mode):
    server, den = map(lab.add_host, ("server", "den"))
    passwords = password_file(certificates, "den", "se:cr@t")
    Mosquitto(server, "--passwords", passwords)
    place = f"{server.address}:1883"
    if mode != "5":
        odd_broker(server, mode)
        place = f"{server.address}:1884"
    member(den, f"mqtt://den:se%3Acr%40t@{place}").wait_for_output("connected")
    for login in ("", "den@", "den:wrong@", "nobody:se%3Acr%40t@"):
        assert trouble(den, f"mqtt://{login}{place}") == f"broker {place}: user name or password is wrong, or missing"


# --- names and addresses


def test_a_broker_with_a_name(lab, member):
    """It has an IPv6 address too, at which nobody listens."""
    server = lab.add_host("server")
    url = odd_broker(server, "refuse-5")
    Mosquitto(server)
    member(server, url.replace(server.address, "localhost")).wait_for_output("connected localhost:1884")
    member(server, "mqtt://[::1]").wait_for_output("connected [::1]:1883")


# --- brokers that are not there, or are not brokers


def test_nobody_there(lab, trouble):
    server, den = map(lab.add_host, ("server", "den"))
    assert trouble(den, f"mqtt://{server.address}") == f"broker {server.address}:1883: connection refused"
    assert trouble(den, "mqtt://broker.invalid", seconds=25) == "broker broker.invalid:1883: its name can't be resolved"


def test_a_black_hole(lab, member, trouble):
    """Packets get lost without a word. Who hangs up meanwhile need not wait."""
    server, den = map(lab.add_host, ("server", "den"))
    server.nft("table inet hole { chain input { type filter hook input priority 0; tcp dport 1883 drop; }; }")
    waiting = member(den, f"mqtt://{server.address}")
    assert trouble(den, f"mqtt://{server.address}", seconds=15) == f"broker {server.address}:1883: no answer"
    assert int(waiting.stop().splitlines()[-1].split()[2]) < 1_000  # ms, where a call takes ten times as long


@pytest.mark.parametrize(("mode", "reason"), [
    ("silent", "no answer"),
    ("web", "sends what is not MQTT"),
    ("throw-out", "the connection broke off"),
    ("no-retain", {"cpython": "keeps no messages, and a group needs that",  # as MQTT 5 can say it
                   "micropython": "sends what is not MQTT"}),  # for who speaks 3.1.1 only
    ("endless", "sends what is not MQTT (a packet of 200000000 bytes)"),
    ("unasked", "sends what was not asked for"),
])
def test_no_broker_at_all(lab, interpreter, member, mode, reason):
    server, den, cabin = map(lab.add_host, ("server", "den", "cabin"))
    url = odd_broker(server, mode)
    place = url.removeprefix("mqtt://")
    if isinstance(reason, dict):
        reason = reason[interpreter]
    process = member(den, url, Mosquitto(cabin).url)
    process.wait_for_output(f"disconnected broker {place}: {reason}", 15)
    process.wait_for_output(f"connected {cabin.address}:1883", 15)  # and the next one is asked
    assert memory(process) < MEMORY_MAX[interpreter]


def test_a_message_that_is_too_large_is_passed_over(lab, member):
    server, den = map(lab.add_host, ("server", "den"))
    process = member(den, odd_broker(server, "large"))
    process.wait_for_output("message a/b small")
    assert "count signal-oversized" in process.output and "disconnected" not in process.output


def memory(process):
    """kB"""
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


# --- ipop broker


def test_mosquitto_is_content_with_its_configuration(lab, certificates):
    server = lab.add_host("server")
    assert Mosquitto(server).process.stop() == ""
    certificate, key = certificates.sign("DNS:x")
    assert Mosquitto(server, "--certificate", certificate, "--key", key).process.stop() == ""


def test_mosquitto_is_not_installed(lab):
    server = lab.add_host("server")
    hidden = f"mount -t tmpfs tmpfs /usr/sbin; PATH=/nowhere exec {BIN}/ipop broker --run"
    done = server.run(["sh", "-ec", hidden], check=False)
    assert done.returncode == 1 and done.stderr.startswith("ipop: mosquitto is not installed: ")
