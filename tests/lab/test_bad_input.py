"""What a person can get wrong: each is one line that says what to do, and nothing is left behind."""

import textwrap

import pytest
from lab import PORT
from netns import BIN


@pytest.fixture
def den(lab):
    den, cabin = lab.add_home("den"), lab.add_home("cabin")
    den.add_peer(cabin)
    den.write_config()
    return den


def refuse(den, *words, command=None, status=(1, 2), device=False):
    """Start the daemon; it must not run, and say these words in one line."""
    done = den.router.run(command or [den.program("ipopd"), "--config", den.config], check=False)
    assert done.returncode in status
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not done.stdout
    for word in words:
        assert word in done.stderr
    assert den.has_device() == device
    assert not den.control.exists()
    return done.stderr


def test_no_configuration(den):
    den.config.unlink()
    refuse(den, str(den.config))


def test_a_configuration_that_is_a_folder(den):
    den.config.unlink()
    den.config.mkdir()
    refuse(den, str(den.config))


def test_a_configuration_that_is_not_uci(den):
    den.config.write_text("config globals 'globals\n")
    refuse(den, f"{den.config}:1")


def test_a_bad_key(den):
    den.peers["cabin"]["public_key"] = "c2hvcnQ="
    den.write_config()
    line = 1 + den.config.read_text().splitlines().index("\toption public_key 'c2hvcnQ='")
    refuse(den, f"{den.config}:{line}", "public_key", status=(2,))


def test_a_bad_private_key(den):
    (den.folder / "private.key").write_text("not a key\n")
    refuse(den, str(den.folder / "private.key"))


def test_no_private_key(den):
    (den.folder / "private.key").unlink()
    refuse(den, str(den.folder / "private.key"), "ipop keygen")


def test_an_unknown_option_is_a_warning_with_the_nearest_name(den):
    den.globals["prot"] = "51821"
    den.start_daemon()
    warnings = [line for line in den.daemon.process.output.splitlines() if "prot" in line]
    assert len(warnings) == 1 and "port" in warnings[0].replace("prot", "")


def test_a_device_of_another_kind_has_the_name(den):
    den.router.ip("link add ipop0 type bridge")
    refuse(den, "ipop0", device=True)


def test_the_device_is_in_use(den):
    den.start_daemon()
    den.globals |= {"control": den.folder / "second.sock", "port": PORT + 1}
    den.write_config()
    refuse(den, "ipop0", device=True)


def test_the_port_is_in_use(den):
    other = textwrap.dedent(f"""
        import socket, time
        udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        udp.bind(("::", {PORT}))
        print("bound", flush=True)
        time.sleep(60)""")
    den.router.spawn([BIN / "python", "-c", other]).wait_for_output("bound")
    refuse(den, str(PORT))


def test_another_daemon_runs_already(den):
    den.start_daemon()
    done = den.router.run([den.program("ipopd"), "--config", den.config], check=False)
    assert done.returncode in (1, 2) and len(done.stderr.splitlines()) == 1
    assert den.daemon.status()["device"] == "ipop0"


def test_the_bridge_is_not_there(den):
    den.globals["bridge"] = "br-nowhere"
    den.write_config()
    refuse(den, "br-nowhere")


def test_no_tun_device(den):
    # `ip netns exec` gives every program a mount namespace of its own.
    daemon = den.program("ipopd")
    hidden = f"mount -t tmpfs tmpfs /dev/net; exec {daemon} --config {den.config}"
    refuse(den, "/dev/net/tun", command=["sh", "-ec", hidden])


def test_the_command_without_a_daemon_says_so(den):
    done = den.router.run([den.program("ipop"), "--config", den.config, "status"], check=False)
    assert done.returncode in (1, 2)
    assert len(done.stderr.splitlines()) == 1 and "ipopd" in done.stderr
