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

from .errors import ConfigError
from .words import quoted

Value = namedtuple("Value", "text where")  # where: "file:line"

_BLANK = b" \t\r\n\v\f"
_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"


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


class Option:
    """`values` holds one Value, or several when `is_list`."""

    def __init__(self, name, where):
        self.name = name
        self.where = where
        self.is_list = False
        self.values = []


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
        if not all("!" <= c <= "~" for c in type):
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
            option = self._named_option(name, where)
            option.is_list = False
            option.where = where
            option.values = [value]

    def _list(self, where):
        name, value = self._name_and_value(where)
        option = self._named_option(name, where)
        option.is_list = True
        option.values.append(value)

    def _name_and_value(self, where):
        if self._section is None:
            raise ConfigError(f"{where}: expected 'config' and a section type before the first option")
        name = self._name("an option name", _NAME)
        self.words.skip_blanks()
        where = self.words.where()
        value = Value(self.words.word(), where)
        self._no_more()
        return name, value

    def _named_option(self, name, where):
        option = self._section.get(name)
        if option is None:
            option = Option(name, where)
            self._section.options.append(option)
        return option

    def _required(self, expected):
        word = self.words.word()
        if not word:
            raise self._error(expected, word)
        return word

    def _name(self, expected, letters):
        return self._checked(self._required(expected), expected, letters)

    def _checked(self, name, expected, letters):
        if not all(c in letters for c in name):
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
    """The file, a word at a time. A newline ends the line unless it is quoted or follows a backslash."""

    def __init__(self, data, filename):
        self._data = data
        self._filename = filename
        self._at = 0
        self._line = 1
        self._word_line = 1
        self._line_ended = False
        self.warnings = []
        if b"\0" in data:
            self._word_line += data[: data.find(b"\0")].count(b"\n")
            raise ConfigError(f"{self.where()}: expected text, got a zero byte: the file is damaged")

    def where(self):
        """The place of the word that was read last, or is about to be read."""
        return f"{self._filename}:{self._word_line}"

    def next_line(self):
        """Whether there is one more."""
        self._line_ended = False
        self._skip(_BLANK)
        return self._peek() != b""

    def command(self):
        """The first word of a command, which no quote and no `;` ends; None at the end of the line."""
        if self._line_ended:
            return None
        self._skip(b" \t")
        self._word_line = self._line
        start = self._at
        while self._peek() not in b" \t\n":  # b"" is in there too
            self._at += 1
        word = self._data[start : self._at]
        if word[:1] == b"#":
            self._drop_line()
        if word[:1] == b"#" or not word and self._peek() == b"":
            return None
        return _text(word)

    def word(self):
        """The next word of this command; "" when there is none, or a quoted nothing."""
        self.skip_blanks()
        if self._line_ended:
            return ""
        if self._peek() == b";":
            self._at += 1
            return ""
        start = self._at
        word = bytearray()
        while True:
            c = self._peek()
            if c == b"" or c in _BLANK:
                self._line_ended = self._next() == b"\n"
                break
            elif c == b"#":
                self._drop_line()
                break
            elif c == b";":
                if self._at - start == len(word):  # plain up to here
                    self._hide_line()
                break
            elif c == b"'" or c == b'"':
                self._quoted(word)
            else:
                self._literal(word)
        return _text(bytes(word))

    def skip_blanks(self):
        """Up to the next word, or over the end of this line."""
        while not self._line_ended and self._peek() and self._peek() in _BLANK:
            self._line_ended = self._next() == b"\n"
        if not self._line_ended:
            self._word_line = self._line

    def _quoted(self, word):
        where = self._here()
        quote = self._next()
        while self._peek() != quote:
            if self._peek() == b"":
                raise ConfigError(f"{where}: expected another {_text(quote)} to close this one, got nothing")
            if quote == b'"':
                self._literal(word)
            else:
                word.extend(self._next())
        self._next()

    def _literal(self, word):
        """One character; a backslash before it is dropped, and with the end of a line both are."""
        c = self._next()
        if c == b"\\":
            c = self._next()
            if c == b"\r" and self._peek() == b"\n":
                c = self._next()
            if c == b"\n":
                return
        word.extend(c)

    def _here(self):
        return f"{self._filename}:{self._line}"

    def _skip(self, some):
        while self._peek() and self._peek() in some:
            self._next()

    def _peek(self):
        return self._data[self._at : self._at + 1]

    def _next(self):
        c = self._peek()
        self._at += len(c)
        if c == b"\n":
            self._line += 1
        return c

    def _drop_line(self):
        while self._next() not in b"\n":
            pass
        self._line_ended = True

    def _hide_line(self):
        start = self._at + 1
        where = self._here()
        self._drop_line()
        hidden = self._data[start : self._at].strip()
        if hidden and hidden[:1] != b"#":
            self.warnings.append(f"{where}: UCI ignores {quoted(_text(hidden))} after ';': put it on its own line")


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
