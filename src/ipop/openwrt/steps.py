"""From what is wanted and what is there to the steps between them; nothing where both are the same.

    Wish, GroupConfig --plan--> Plan --wanted--> Sections --compare with There--> Steps --> words, a `uci batch`, calls

A section of ours that nobody wants any more is deleted. What is in somebody else's is touched by Loans only, and then
so that all of its options stay in their order: UCI puts one that is set anew behind the others, so those follow it.
"""

from collections import namedtuple

from ..errors import UserError
from ..home import conflicts
from . import borrowed, nat, wanted
from .device import bridge_of
from .lan import plan_of
from .there import DEVICE_SECTION, PACKAGES, There, words

ADD, CHANGE, REMOVE = "add", "change", "remove"
SECTION, OPTION, LIST, DROP, DELETE = "section", "option", "list", "drop", "delete"

# what: ADD, CHANGE or REMOVE; section: its name; about: in words; edits: Edits
Step = namedtuple("Step", "what package section about edits")
# verb: SECTION (value: its type), OPTION (a text), LIST (texts), DROP (an option), DELETE (the section)
Edit = namedtuple("Edit", "verb option value")
# steps: [Step]; files: {path: a text, or None}, as they have to be; plans: {device: Plan}
# refused: [text], why a group stays as it is
Work = namedtuple("Work", "steps files plans refused")


def work(wishes, options_of, packages, networks=()):
    """The Work there is. `options_of(group)` gives the GroupConfig of a group that is to be set up, or None where that
    isn't wanted; `packages` is {package: [uci.Section]}; `networks` are those that others have here at the moment,
    configured or not: (interface, address as text, length). What can't be done for one group keeps none of the others
    from it; who is there already comes first."""
    there = There(packages)
    chosen = _Chosen(there, networks)
    for wish in sorted(wishes, key=lambda wish: (wish.is_known, wish.device not in there.owned, wish.device or "")):
        options = options_of(wish.group)
        if options is not None:
            chosen.add(wish, options)
    staying = [device for device, group in there.owned.items() if group in chosen.kept and device not in chosen.plans]
    files = {nat.path(device): None for device in there.owned if device not in staying}
    files.update({nat.path(device): nat.text(device, made) for device, made in chosen.plans.items()})
    return Work(_steps(chosen, staying, there), files, chosen.plans, chosen.refused)


class _Chosen:
    """The groups that are to be set up, and the `kept` ones, which stay as they are."""

    def __init__(self, there, networks):
        self.plans, self.sections, self.ports = {}, {}, {}  # by device
        self.kept, self.refused = [], []
        self._there = there
        configured = there.networks()
        said = [each[1:] for each in configured]
        self._networks = configured + [each for each in networks if each[1:] not in said]
        self._names = {}

    def add(self, wish, options):
        if wish.is_known:
            try:
                self._add(wish, options)
                return
            except UserError as error:
                self.refused.append(error.message)
        self.kept.append(wish.group)

    def _add(self, wish, options):
        there, device = self._there, wish.device
        _check_owner(wish, there)
        made = plan_of(wish, options)
        others = [(self._names[other], each.subnet, each.ula) for other, each in self.plans.items()]
        found = conflicts.find(wish.group, made.subnet, made.ula, (), self._networks, others)
        if found:
            raise UserError("; ".join([conflicts.text(each) for each in found]))
        ports = [port for port in options.port if port != device]
        borrowed.check(there, wish.group, self._taken(), ports)
        self.sections[device] = wanted.sections(device, made, options, there)
        self.plans[device], self.ports[device], self._names[device] = made, ports, wish.group

    def _taken(self):
        """{device: the ports it has}, of those that are set up, and of those that stay as they are."""
        taken = dict(self.ports)
        for device, group in self._there.owned.items():
            if group in self.kept:
                taken[device] = words(self._there.section("network", device + DEVICE_SECTION), "ports")
        return taken


def batch(steps):
    """Lines for `uci batch`."""
    lines = []
    for step in steps:
        for edit in step.edits:
            place = "%s.%s" % (step.package, step.section)
            if edit.option is not None:
                place += "." + edit.option
            if edit.verb in (DROP, DELETE):
                lines.append("delete " + place)
            elif edit.verb == LIST:
                lines += ["add_list %s=%s" % (place, _quoted(value)) for value in edit.value]
            else:
                lines.append("set %s=%s" % (place, edit.value if edit.verb == SECTION else _quoted(edit.value)))
    lines += ["commit " + package for package in touched(steps)]
    return [line + "\n" for line in lines]


def touched(steps):
    """The packages in which something is changed."""
    return [package for package in PACKAGES if any(step.package == package for step in steps)]


def _check_owner(wish, there):
    """Nobody else has what we would call ours."""
    owner = there.owned.get(wish.device)
    if owner is None and there.of(wish.device):
        package, section = there.of(wish.device)[0]
        text = "%s: /etc/config/%s has a section '%s' that isn't ours: rename it, or set another 'device' for the group"
        raise UserError(text % (wish.group, package, section.name))
    if there.section("network", bridge_of(wish.device)) is not None or any(
        name == bridge_of(wish.device) for name, _ in there.bridges()
    ):
        raise UserError("%s: there is a bridge %s that isn't ours" % (wish.group, bridge_of(wish.device)))


def _steps(chosen, staying, there):
    sections = [section for device in sorted(chosen.plans) for section in chosen.sections[device]]
    loans, taken = borrowed.ports(there, chosen.ports, staying)
    domains = {device: wanted.local_zone(made) for device, made in chosen.plans.items()}
    more, zones = borrowed.zones(there, domains, staying)
    for device in chosen.plans:
        _remember(sections, "network", device + DEVICE_SECTION, wanted.TAKEN, taken[device])
        _remember(sections, "dhcp", device + "_dhcp", wanted.ZONES, zones[device])
    steps = []
    names = [(each.package, each.name) for each in sections]
    for device in sorted(there.owned):
        if device not in staying:
            for package, section in there.of(device):
                if (package, section.name) not in names:
                    edits = [Edit(DELETE, None, None)]
                    steps.append(Step(REMOVE, package, section.name, _was(section), edits))
    steps += [_step_of(loan) for loan in loans + more]
    for section in sections:
        step = _difference(section, there.section(section.package, section.name))
        if step is not None:
            steps.append(step)
    return steps


def _remember(sections, package, name, option, values):
    """Write into one of our own sections what it took."""
    for section in sections:
        if (section.package, section.name) == (package, name) and values:
            section.options.append((option, values))


def _difference(section, old):
    """The Step to a wanted Section from the uci.Section that is there, or None."""
    edits = []
    if old is not None and old.type != section.type:
        edits.append(Edit(DELETE, None, None))
    if old is None or old.type != section.type:
        edits.append(Edit(SECTION, None, section.type))
        edits += [_set(name, value) for name, value in section.options]
        return Step(ADD if old is None else CHANGE, section.package, section.name, section.about, edits)
    names = [name for name, _ in section.options]
    edits += [Edit(DROP, option.name, None) for option in old.options if option.name not in names]
    for name, value in section.options:
        option = old.get(name)
        if option is None or _value(option) != value:
            edits += _again(name, value, option)
    return Step(CHANGE, section.package, section.name, section.about, edits) if edits else None


def _step_of(loan):
    """A list in somebody else's section, and again what stands behind it."""
    section, edits = loan.section, []
    at = [option.name for option in section.options].index(loan.option) if section.get(loan.option) else None
    behind = section.options[at + 1 :] if at is not None else []
    if at is not None:
        edits.append(Edit(DROP, loan.option, None))
    if loan.values:
        edits.append(Edit(LIST, loan.option, loan.values))
    for option in behind:
        edits += [Edit(DROP, option.name, None), _set(option.name, _value(option))]
    return Step(CHANGE, loan.package, section.name, loan.about, edits)


def _again(name, value, old):
    """A list is made anew; an option's new value takes the place of the old."""
    is_list = isinstance(value, list) or old is not None and old.is_list
    return ([Edit(DROP, name, None)] if old is not None and is_list else []) + [_set(name, value)]


def _set(name, value):
    return Edit(LIST if isinstance(value, list) else OPTION, name, value)


def _value(option):
    texts = [value.text for value in option.values]
    return texts if option.is_list else texts[-1]


def _was(section):
    return "the %s of a group that is left" % section.type


def _quoted(text):
    return "'%s'" % text.replace("'", "'\\''")
