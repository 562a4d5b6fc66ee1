"""UCI as rpcd gives it to LuCI: files, and what each session has changed of them and not applied."""

import copy

from ipop.config import uci

OK, INVALID_ARGUMENT, NOT_FOUND = 0, 2, 4


class UciFiles:
    """The configurations in a folder, but for those of `elsewhere`: {name: path}."""

    def __init__(self, folder, elsewhere):
        self._folder = folder
        self._elsewhere = elsewhere
        self._drafts = {}  # session -> {config: {section: {option: value}}}, with ".type" and ".anonymous"
        self._changes = {}  # session -> {config: [change]}

    def path(self, config):
        return self._elsewhere.get(config, self._folder / config)

    def answer(self, session, method, arguments):
        """(status, table or None)"""
        if method == "changes":
            return OK, {"changes": self._changes.get(session, {})}
        return getattr(self, "_" + method, _unknown)(session, **_known(arguments))

    def commit(self, session):
        """The names of the configurations that have changed."""
        drafts = self._drafts.pop(session, {})
        changed = list(self._changes.pop(session, {}))
        for config in changed:
            self.path(config).write_text(_text(drafts[config]))
        return changed

    def revert(self, session):
        self._drafts.pop(session, None)
        self._changes.pop(session, None)

    def read(self, config):
        """{section: {option: value}} as in the file."""
        path = self.path(config)
        sections, _ = uci.parse(path.read_bytes() if path.exists() else b"", str(path))
        return {section.name: _values(section) for section in sections}

    def _draft(self, session, config):
        drafts = self._drafts.setdefault(session, {})
        if config not in drafts:
            drafts[config] = self.read(config)
        return drafts[config]

    def _note(self, session, config, *change):
        self._changes.setdefault(session, {}).setdefault(config, []).append(list(change))

    def _get(self, session, config, **_):
        if not self.path(config).exists():
            return NOT_FOUND, None
        draft = copy.deepcopy(self._draft(session, config))
        for index, (name, section) in enumerate(draft.items()):
            section.update({".name": name, ".index": index})
        return OK, {"values": draft}

    def _add(self, session, config, type, name=None, values=None, **_):
        draft = self._draft(session, config)
        name = name or f"cfg{len(draft):02x}new"
        draft[name] = {".type": type, ".anonymous": False, **_as_text(values or {})}
        self._note(session, config, "add", name, type)
        for option, value in (values or {}).items():
            self._note(session, config, "set", name, option, value)
        return OK, {"section": name}

    def _set(self, session, config, section, values, **_):
        draft = self._draft(session, config)
        if section not in draft:
            return NOT_FOUND, None
        draft[section].update(_as_text(values))
        for option, value in values.items():
            self._note(session, config, "set", section, option, value)
        return OK, {}

    def _delete(self, session, config, section, option=None, options=None, **_):
        draft = self._draft(session, config)
        for name in options or [option]:
            if name is None:
                draft.pop(section, None)
            else:
                draft.get(section, {}).pop(name, None)
            self._note(session, config, "remove", section, *([name] if name else []))
        return OK, {}

    def _order(self, session, **_):
        return OK, {}

    def _confirm(self, session, **_):
        return OK, {}


def _unknown(*_, **__):
    return INVALID_ARGUMENT, None


def _known(arguments):
    return {key: value for key, value in arguments.items() if key not in ("ubus_rpc_session", "match")}


def _values(section):
    values = {".type": section.type, ".anonymous": section.anonymous}
    for option in section.options:
        texts = [value.text for value in option.values]
        values[option.name] = texts if option.is_list else texts[0]
    return values


def _as_text(values):
    return {name: [str(item) for item in value] if isinstance(value, list) else str(value)
            for name, value in values.items()}


def _text(sections):
    lines = []
    for name, section in sections.items():
        lines.append(f"config {section['.type']}" + ("" if section[".anonymous"] else f" '{name}'"))
        for option, value in section.items():
            if option.startswith("."):
                continue
            for item in value if isinstance(value, list) else [value]:
                word = "list" if isinstance(value, list) else "option"
                quoted = item.replace("'", "'\\''")
                lines.append(f"\t{word} {option} '{quoted}'")
        lines.append("")
    return "\n".join(lines)
