"""`ipop doctor`: everything that usually goes wrong, and how each is mended."""

from ..command.command import Command
from ..command.show import RED


def _doctor(shell):
    from .checks import examine  # not above: the other commands have no use for all this
    from .facts import gather

    found = examine(gather(shell))
    shell.show([_as_json(finding) for finding in found], show, found)
    return 0 if all(finding.is_ok for finding in found) else 1


def show(page, found):
    for finding in found:
        state, colour = ("ok", None) if finding.is_ok else ("WRONG", RED)
        text = finding.text + (": " + finding.remedy if finding.remedy else "")
        page.line("%-5s  %-13s  %s" % (state, finding.check, text), colour)


def _as_json(finding):
    state = "ok" if finding.is_ok else "wrong"
    return {"check": finding.check, "state": state, "text": finding.text, "remedy": finding.remedy}


_HELP = "Everything that usually goes wrong, and how to mend it\nExit status 1: something is wrong."

DOCTOR = Command("doctor", "", (), _doctor, _HELP)
