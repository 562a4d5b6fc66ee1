"""UCI's file syntax, read as OpenWrt itself reads it, with the place at which everything was said.

    config TYPE 'NAME'          opens a section; a name that was there before goes on with that section
        option NAME 'VALUE'     sets; the last value counts, and an empty one says nothing
        list NAME 'VALUE'       appends

A word is plain, in '...' or in "..."; pieces that touch are one word. A quoted piece may run over several
lines. Outside of '...' a backslash takes the next character as it is, and at the end of a line it joins the
next line. `#` begins a comment, also in the middle of a plain word. `;` ends a command; another may follow.

UCI has a trap that nobody expects: a `;` that touches a plain word (`option a b; option c d`) hides the rest
of the line. Here too, with a warning.
"""

from collections import namedtuple

from ..errors import ConfigError
from ..words import consists_of, quoted

Value = namedtuple("Value", "text where")  # where: "file:line"
Option = namedtuple("Option", "name where is_list values")  # one Value, or several when `is_list`

_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
_VISIBLE = "".join([chr(c) for c in range(33, 127)])


class Section:
    """`name` is the one that UCI makes up when `anonymous`; `options` stand in the order of the file."""

    def __init__(self, type, name, anonymous, where):
        self.type = type
        self.name = name
        self.anonymous = anonymous
        self.where = where
        self.options = []

    def get(self, name):
        """The Option of that name, or None."""
        for option in self.options:
            if option.name == name:
                return option

    def put(self, option):
        """In the place of one of the same name, or as the last."""
        for i, other in enumerate(self.options):
            if other.name == option.name:
                self.options[i] = option
                return
        self.options.append(option)


def parse(data, filename):
    """A list of Sections, and a list of warnings. `data` is bytes or text. Raises ConfigError."""
    parser = _Parser(data if isinstance(data, bytes) else data.encode(), filename)
    parser.run()
    return parser.sections, parser.words.warnings


class _Parser:
    """One method a command, each fed with words."""

    def __init__(self, data, filename):
        self.words = _Words(data, filename)
        self.sections = []
        self._section = None
        self._named = {}

    def run(self):
        commands = {}
        for name in ("package", "config", "option", "list"):
            commands[name] = commands[name[0]] = getattr(self, "_" + name)
        while self.words.next_line():
            command = self.words.command()
            while command is not None:
                if command not in commands:
                    raise self._error("'config', 'option' or 'list'", command)
                commands[command](self.words.where())
                command = self.words.command()

    def _package(self, where):
        self._name("a package name", _NAME + "-")
        self._no_more()

    def _config(self, where):
        type = self._required("a section type")
        if not consists_of(type, _VISIBLE):
            raise self._error("a section type without blanks or letters outside ASCII", type)
        name = self._checked(self.words.word(), "a section name", _NAME)
        self._no_more()
        section = self._named.get(name)
        if section is None:
            called = name or _made_up_name(type, len(self.sections) + 1)
            section = Section(type, called, not name, where)
            self.sections.append(section)
            self._named.setdefault(called, section)
        elif section.type != type:
            expected = f"type '{section.type}' as at {section.where}"
            raise ConfigError(f"{where}: section '{name}': expected {expected}, got '{type}'")
        self._section = section

    def _option(self, where):
        name, value = self._name_and_value(where)
        if value.text:
            self._section.put(Option(name, where, False, [value]))

    def _list(self, where):
        name, value = self._name_and_value(where)
        old = self._section.get(name)
        if old is not None:
            self._section.put(Option(name, old.where, True, old.values + [value]))
        else:
            self._section.put(Option(name, where, True, [value]))

    def _name_and_value(self, where):
        if self._section is None:
            raise ConfigError(f"{where}: expected 'config' and a section type before the first option")
        name = self._name("an option name", _NAME)
        self.words.skip_blanks()
        where = self.words.where()
        value = Value(self.words.word(), where)
        self._no_more()
        return name, value

    def _required(self, expected):
        word = self.words.word()
        if not word:
            raise self._error(expected, word)
        return word

    def _name(self, expected, letters):
        return self._checked(self._required(expected), expected, letters)

    def _checked(self, name, expected, letters):
        if not consists_of(name, letters):
            others = "letters, digits, _ and -" if "-" in letters else "letters, digits and _"
            raise self._error(f"{expected} of {others}", name)
        return name

    def _no_more(self):
        self.words.skip_blanks()
        extra = self.words.word()
        if extra:
            raise self._error("the end of the line (a value with blanks in it needs quotes)", extra)

    def _error(self, expected, got):
        return ConfigError(f"{self.words.where()}: expected {expected}, got {quoted(got) if got else 'nothing'}")


class _Words:
    """The file, a word at a time. A newline ends the line unless it is quoted or follows a backslash.

    Bytes are looked at as numbers and cut out in runs: a router's memory would be riddled by a text for each letter."""

    def __init__(self, data, filename):
        self.warnings = []
        self._data = data
        self._filename = filename
        self._at = 0
        self._line = 1
        self._word_line = 1
        self._where = None  # the text of `_word_line`, which many values share
        self._line_ended = False
        if b"\0" in data:
            self._word_line += data[: data.find(b"\0")].count(b"\n")
            raise ConfigError(f"{self.where()}: expected text, got a zero byte: the file is damaged")

    def where(self):
        """The place of the word that was read last, or is about to be read."""
        if self._where is None:
            self._where = f"{self._filename}:{self._word_line}"
        return self._where

    def next_line(self):
        """Whether there is one more."""
        self._line_ended = False
        while _is_blank(self._peek()):
            self._next()
        return self._peek() != _END

    def command(self):
        """The first word of a command, which no quote and no `;` ends; None at the end of the line."""
        if self._line_ended:
            return None
        while self._peek() in _SPACE_TAB:
            self._next()
        self._mark()
        word = self._run(_SPACE_TAB_NEWLINE)
        if word[:1] == b"#":
            self._drop_line()
        if word[:1] == b"#" or not word and self._peek() == _END:
            return None
        return _text(word)

    def word(self):
        """The next word of this command; "" when there is none, or a quoted nothing."""
        self.skip_blanks()
        if self._line_ended:
            return ""
        if self._peek() == _SEMICOLON:
            self._next()
            return ""
        start = self._at
        word = self._run(_SPECIAL)
        while self._peek() in _QUOTING:
            word += self._escaped() if self._peek() == _BACKSLASH else self._quoted()
            word += self._run(_SPECIAL)
        if self._peek() == _HASH:
            self._drop_line()
        elif self._peek() != _SEMICOLON:
            self._line_ended = self._next() == _NEWLINE
        elif self._at - start == len(word):  # all of it plain
            self._hide_line()
        return _text(word)

    def skip_blanks(self):
        """Up to the next word, or over the end of this line."""
        while not self._line_ended and _is_blank(self._peek()):
            self._line_ended = self._next() == _NEWLINE
        if not self._line_ended:
            self._mark()

    def _mark(self):
        """The next word begins here."""
        if self._word_line != self._line:
            self._word_line = self._line
            self._where = None

    def _quoted(self):
        line = self._line
        quote = self._next()
        stops = _SINGLE if quote == _SINGLE[0] else _DOUBLE
        word = self._run(stops)
        while self._peek() != quote:
            if self._peek() == _END:
                place = f"{self._filename}:{line}"
                raise ConfigError(f"{place}: expected another {chr(quote)} to close this one, got nothing")
            word += self._escaped() + self._run(stops)
        self._next()
        return word

    def _escaped(self):
        """What a backslash and the next character stand for: nothing at the end of a line, else the character."""
        self._next()
        c = self._next()
        if c == _RETURN and self._peek() == _NEWLINE:
            c = self._next()
        return b"" if c == _NEWLINE or c == _END else bytes([c])

    def _run(self, stops):
        """The bytes before one of `stops` or the end."""
        start = self._at
        while self._peek() != _END and self._peek() not in stops:
            self._next()
        return self._data[start : self._at]

    def _drop_line(self):
        self._run(_LINE_END)
        self._next()
        self._line_ended = True

    def _hide_line(self):
        self._next()
        hidden = self._run(_LINE_END).strip()
        self._line_ended = True
        if hidden and hidden[:1] != b"#":
            place = f"{self._filename}:{self._line}"
            self.warnings.append(f"{place}: UCI ignores {quoted(_text(hidden))} after ';': put it on its own line")
        self._next()

    def _peek(self):
        return self._data[self._at] if self._at < len(self._data) else _END

    def _next(self):
        c = self._peek()
        if c != _END:
            self._at += 1
        if c == _NEWLINE:
            self._line += 1
        return c


_END = 0  # no byte of the file is zero
_NEWLINE, _RETURN, _HASH, _SEMICOLON, _BACKSLASH = b"\n\r#;\\"
_SPACE_TAB, _SPACE_TAB_NEWLINE, _LINE_END = b" \t", b" \t\n", b"\n"
_SINGLE, _DOUBLE, _QUOTING = b"'", b'"\\', b"'\"\\"
_SPECIAL = b" \t\r\n\v\f#;'\"\\"


def _is_blank(c):
    return c == 32 or 9 <= c <= 13


def _made_up_name(type, count):
    """What UCI calls the section without a name that is number `count` of its file: `uci show` prints it."""
    hash = 5381
    for c in type:
        hash = hash * 33 + ord(c) & 0xFFFF
    return f"cfg{count:02x}{hash:04x}"


def _text(data):
    """UTF-8, and a replacement character for every byte above 127 if it is anything else."""
    try:
        return data.decode()
    except UnicodeError:
        return "".join([chr(b) if b < 128 else "\ufffd" for b in data])
