"""`ipop events`: what has happened lately, and with --follow what happens from now on."""

from .command import Command, Flag
from .show import RED

LOOK_AGAIN = 1_000  # ms


def _events(shell):
    daemon, next = shell.connect(), 0
    while True:
        answer = daemon.ask("events", {"since": next}, dict)
        if answer.get("events") or not next:
            shell.show(answer, _show_events, answer, shell.ports.terminal.time_text)
        if not shell.flags["follow"]:
            return
        next = answer.get("next")
        daemon.pause(LOOK_AGAIN)


def _show_events(page, answer, time_text):
    if not answer["events"] and answer["next"] == 1:
        page.line("Nothing has happened since ipopd was started.")
    for event in answer["events"]:
        group = event["group"]
        where = "" if event["text"].startswith(group) else f"{group}: "  # "" is the beginning of every text
        page.line(f"{time_text(event['time'])}  {where}{event['text']}", RED if event["kind"] == "problem" else None)


_FLAGS = (Flag("follow", "-f", None, None, False, "Go on with what happens from now on, until interrupted"),)

EVENTS = Command("events", "", _FLAGS, _events, "What has happened: who came and went, and what was wrong")
