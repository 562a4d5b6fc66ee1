"""What `ipop setup` says of its steps, to people and to programs."""

from . import steps

_SIGNS = {steps.ADD: "+", steps.CHANGE: "~", steps.REMOVE: "-"}


def result(work, is_applied):
    names = ("change", "config", "section", "about")
    return {"steps": [dict(zip(names, step)) for step in work.steps], "applied": is_applied}


def batch(page, lines):
    for line in lines:
        page.line(line[:-1])


def work_to_do(page, work_steps, is_same):
    if is_same:
        page.line("nothing is to be changed")
        return
    for step in work_steps:
        page.line("%s %s.%s: %s" % (_SIGNS[step.what], step.package, step.section, step.about))
    page.line()
    page.line("'ipop setup --apply' does it; '--dry-run' shows it as uci would be told")


def applied(page, work_steps, is_same, coming_back):
    if is_same:
        page.line("nothing had to be changed")
        return
    for step in work_steps:
        page.line("%s %s.%s: %s" % (_SIGNS[step.what], step.package, step.section, step.about))
    page.line("done, and confirmed: all works as before")
    text = "%s: ipopd has it made again soon: 'ipop leave --group %s', or set its option 'serve' to 'none'"
    for group in coming_back:
        page.line(text % (group, group))
