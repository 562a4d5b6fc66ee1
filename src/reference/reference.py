"""The options of the configuration, for people and for LuCI: made of the one table, SECTIONS in ipop.config.config.

    reference.py            write both anew: the block in README.md, and LuCI's module options.js
    reference.py readme     print that block
    reference.py luci       print that module
"""

import json
import re
import sys
from pathlib import Path

from ipop.config.config import ABOUT, SECTIONS
from ipop.lan.guards import GUARDS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
MODULE = ROOT / "luci-app-ipop/htdocs/luci-static/resources/ipop/options.js"
BEGIN, END = "<!-- options: 'make reference' writes this -->\n", "<!-- options end -->\n"
_ACRONYMS = {"stun": "STUN servers", "turn": "TURN servers", "allowed_ips": "Allowed IPs", "ssid": "SSID"}


def readme():
    """The block between the markers."""
    return "\n".join([_readme_section(type) for type in SECTIONS]) + "\n" + _readme_guards()


def in_readme(text):
    """The block that a README has."""
    return text.partition(BEGIN)[2].partition(END)[0]


def _readme_section(type):
    rows = ["| option | value | default | |", "|---|---|---|---|"]
    for option in SECTIONS[type]:
        kind = "list" if option.kind.many else "option"
        default = f"`{option.default}`" if option.default is not None else ""
        rows.append(f"| `{kind} {option.name}` | {_cell(option.kind.expected)} | {default} | {_cell(option.help)} |")
    return f"**`config {type}`** {ABOUT[type]}.\n\n" + "\n".join(rows) + "\n"


def _readme_guards():
    rows = ["| `config guard` | what holds, unless it is switched off |", "|---|---|"]
    return "\n".join(rows + [f"| `'{guard.name}'` | {_cell(guard.text)} |" for guard in GUARDS]) + "\n"


def _cell(text):
    return text.replace("|", "\\|")


# --- LuCI


def luci():
    """A module of LuCI: for each type of section what it is, and its options, in the order of the table.

    `widget` is the class of form.js, `datatype` one of validation.js; `choices` are those of a ListValue."""
    sections = ",\n\n".join([_luci_section(type) for type in SECTIONS])
    guards = ",\n".join([f"\t\t{{ name: {_text(each.name)}, help: {_said(each.text)} }}" for each in GUARDS])
    return (
        "'use strict';\n'require baseclass';\n\n"
        "// The options of /etc/config/ipop. 'make reference' writes this from src/ipop/config/config.py.\n\n"
        f"return baseclass.extend({{\n{sections},\n\n\tguards: [\n{guards}\n\t]\n}});\n"
    )


def _luci_section(type):
    options = ",\n".join([_luci_option(option) for option in SECTIONS[type]])
    return f"\t{type}: {{\n\t\thelp: {_said(ABOUT[type])},\n\t\toptions: [\n{options}\n\t\t]\n\t}}"


def _luci_option(option):
    kind = option.kind
    choices = re.findall("'([^']*)'", kind.datatype) if kind.datatype.startswith("or('") else []
    is_flag = choices == ["1", "0"]
    fields = {
        "name": _text(option.name),
        "title": _said(_title(option.name)),
        "widget": _text("Flag" if is_flag else "ListValue" if choices else "DynamicList" if kind.many else "Value"),
        "datatype": "null" if choices else _text(kind.datatype),
        "choices": "[%s]" % ", ".join([_text(word) for word in choices if not is_flag]),
        "list": "true" if kind.many else "false",
        "default": "null" if option.default is None else _text(option.default),
        "expected": _said(kind.expected),
        "help": _said(option.help),
    }
    return "\t\t\t{\n" + ",\n".join([f"\t\t\t\t{name}: {value}" for name, value in fields.items()]) + "\n\t\t\t}"


def _title(name):
    return _ACRONYMS.get(name) or name.replace("_", " ").capitalize()


def _said(text):
    """What people read: translations are found by it."""
    return f"_({_text(text)})"


def _text(text):
    return "'" + json.dumps(text)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"


def main(argv):
    if argv == ["readme"]:
        print(readme(), end="")
    elif argv == ["luci"]:
        print(luci(), end="")
    else:
        before, _, rest = README.read_text().partition(BEGIN)
        README.write_text(before + BEGIN + readme() + END + rest.partition(END)[2])
        MODULE.parent.mkdir(parents=True, exist_ok=True)
        MODULE.write_text(luci())


if __name__ == "__main__":
    main(sys.argv[1:])
