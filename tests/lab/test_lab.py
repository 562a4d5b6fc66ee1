"""The lab itself: its routers are like real ones, and it goes as it came."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import netns
from lab import PORT, Lab
from netns import BIN, wait_for


def test_a_nat_lets_out_and_keeps_out(lab):
    cabin, server = lab.add_home("cabin", nat=True), lab.add_host("server")
    tv = cabin.add_console("tv")
    assert tv.reaches(server.address)
    assert not server.ping(cabin.gateway.address, count=1).received


def test_only_the_open_port_of_a_router_hears_strangers(lab):
    den, server = lab.add_home("den"), lab.add_host("server")
    for port, heard in ((PORT, True), (PORT + 1, False)):
        listener = den.router.spawn([BIN / "python", "-c", textwrap.dedent(f"""
            import socket
            udp = socket.socket(type=socket.SOCK_DGRAM)
            udp.bind(("", {port}))
            print("bound", flush=True)
            print(udp.recv(99), flush=True)""")])
        listener.wait_for_output("bound")
        server.run([BIN / "python", "-c", "import socket; socket.socket(type=socket.SOCK_DGRAM)"
                    f".sendto(b'hello', ('{den.router.address}', {port}))"])
        if heard:
            listener.wait_for_output("hello")
        else:
            assert "hello" not in listener.stop()


def test_loss_is_as_told(lab):
    cabin, server = lab.add_home("cabin", nat=True), lab.add_host("server")
    cabin.lose(30)
    ping = cabin.router.ping(server.address, count=200, interval=0.01, wait=0.5)
    assert 0.3 < ping.received / ping.sent < 0.7  # 0.7 there and 0.7 back: 0.49
    cabin.lose(0)
    assert cabin.router.start_ping(server.address, interval=0.01).lost(of=20) == 0


def test_a_daemon_that_tells_of_a_fault_is_heard(lab):
    assert not lab.faults()
    with Lab() as other:
        host = other.add_host("router")
        host.spawn(["echo", "warning: friends: a fault in ipopd, please report it: TypeError()"]).popen.wait(5)
        assert len(other.faults()) == 1


def test_two_labs_at_once(lab):
    lab.add_home("den")
    with Lab() as other:
        other.add_home("den")
        assert netns.exists(other.prefix)
    assert netns.exists(lab.prefix) and not netns.exists(other.prefix)


def test_a_killed_runner_leaves_no_process_and_the_next_one_cleans_up():
    runner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent("""
            import time
            from lab import Lab
            with Lab() as lab:
                program = lab.add_host("server").spawn(["sleep", "60"])
                print(lab.prefix, program.pid, flush=True)
                time.sleep(60)""")],
        cwd=Path(__file__).parent, env={**os.environ, "PYTHONPATH": "."}, stdout=subprocess.PIPE, text=True)
    prefix, pid = runner.stdout.readline().split()
    runner.send_signal(signal.SIGKILL)
    runner.communicate()
    wait_for(lambda: not Path("/proc", pid).exists(), 5, "the end of the program")
    with Lab() as lab:
        assert not netns.exists(prefix) and not netns.folder(prefix).exists()
        assert netns.exists(lab.prefix)
