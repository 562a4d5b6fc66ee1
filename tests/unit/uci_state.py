"""What `uci` keeps: a stand-in that does what a batch says, and writes the files as `uci export` and `commit` do."""

from ipop.config import uci
from ipop.openwrt.there import PACKAGES


class UciState:
    """`files` is {package: text}."""

    def __init__(self, files):
        self.packages = {package: uci.parse(text, package)[0] for package, text in files.items()}

    def files(self):
        return {package: _text(self.packages[package]) for package in PACKAGES}

    def again(self):
        """As somebody reads it who comes after a commit."""
        return UciState(self.files())

    def batch(self, text):
        for line in text.split("\n"):
            verb, _, rest = line.partition(" ")
            if verb == "commit":
                assert rest in PACKAGES
            elif line:
                place, _, value = rest.partition("=")
                package, section, option = (place.split(".") + [None])[:3]
                getattr(self, "_" + verb)(package, section, option, _unquoted(value))

    def _set(self, package, section, option, value):
        if option is None:
            self._sections(package, section, 0)
            self.packages[package].append(uci.Section(value, section, False, ""))
        else:
            self._section(package, section).put(uci.Option(option, "", False, [uci.Value(value, "")]))

    def _add_list(self, package, section, option, value):
        owner = self._section(package, section)
        old = owner.get(option)
        assert old is None or old.is_list
        owner.put(uci.Option(option, "", True, (old.values if old else []) + [uci.Value(value, "")]))

    def _delete(self, package, section, option, _):
        owner = self._section(package, section)
        if option is None:
            self.packages[package].remove(owner)
        else:
            owner.options.remove(owner.get(option))

    def _section(self, package, name):
        return self._sections(package, name, 1)[0]

    def _sections(self, package, name, count):
        found = [section for section in self.packages[package] if section.name == name]
        assert len(found) == count, "%s.%s" % (package, name)
        return found


def _text(sections):
    lines = []
    for section in sections:
        lines.append("config %s%s" % (section.type, "" if section.anonymous else " '%s'" % section.name))
        for option in section.options:
            word = "list" if option.is_list else "option"
            lines += ["\t%s %s %s" % (word, option.name, _quoted(value.text)) for value in option.values]
        lines.append("")
    return "\n".join(lines)


def _quoted(text):
    return "'%s'" % text.replace("'", "'\\''")


def _unquoted(text):
    if text[:1] != "'":
        return text
    assert text[-1] == "'"
    return text[1:-1].replace("'\\''", "'")
