"""The jinja2 environment in which chat templates run, equal to that of transformers 5.23.

Behaviour read from `transformers.utils.chat_template_utils` (Apache-2.0). Only the render worker imports this
module: a sandbox keeps a template from Python's internals, not from using all memory and time.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.runtime
import jinja2.sandbox
import jinja2.utils

# Names that `.name` takes from a dictionary itself, before its keys.
_OF_DICT = frozenset(dir(dict))
# Types whose objects have no attributes of their own: what the sandbox says of one holds for all.
_ALIKE = (str, dict, list, jinja2.runtime.LoopContext)


@dataclass
class Tracker:
    """Characters written so far, and the [start, end) spans inside `{% generation %}`."""

    length: int = 0
    spans: list[tuple[int, int]] = field(default_factory=list)


class GenerationTag(jinja2.ext.Extension):
    """`{% generation %} ... {% endgeneration %}`: renders its body and notes where it stands."""

    tags = {"generation"}

    def __init__(self, environment: jinja2.Environment) -> None:
        super().__init__(environment)
        self.tracker: Tracker | None = None
        self.used = False

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node:
        """The block as a call of `_mark` with its body (jinja2's extension protocol)."""
        self.used = True
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_mark"), [], [], body).set_lineno(line)

    def _mark(self, caller: Any) -> str:
        text: str = caller()
        if self.tracker is not None:
            self.tracker.spans.append((self.tracker.length, self.tracker.length + len(text)))
        return text

    @contextmanager
    def tracking(self) -> Iterator[Tracker]:
        """Note spans while the block runs."""
        self.tracker = Tracker()
        try:
            yield self.tracker
        finally:
            self.tracker = None


class _Sandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """The sandbox of jinja2 with shorter ways to the same answers: half of a render's time goes into attributes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._answers: dict[tuple[type, str], bool] = {}

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict and attribute not in _OF_DICT:
            # What jinja2 comes to after an AttributeError.
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        kind = type(obj)
        if kind not in _ALIKE:
            return super().is_safe_attribute(obj, attr, value)
        if (kind, attr) not in self._answers:
            self._answers[kind, attr] = super().is_safe_attribute(obj, attr, value)
        return self._answers[kind, attr]


class _Dict:
    """`dict(...)` and `dict.fromkeys` for templates, without the type behind them."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args)


class _Namespace(jinja2.utils.Namespace):
    """`namespace(...)` that refuses underscore names, a known way out of the sandbox."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        # No named parameter, so that namespace(self=...) works.
        self, values = args[0], dict(*args[1:], **kwargs)
        for name in values:
            _refuse_underscore(name)
        jinja2.utils.Namespace.__init__(self, values)

    def __setitem__(self, name: str, value: Any) -> None:
        _refuse_underscore(name)
        super().__setitem__(name, value)


def _refuse_underscore(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError(
            f"a namespace of a chat template cannot hold the underscore name {name!r}"
        )


def _raise_exception(message: Any) -> None:
    raise jinja2.exceptions.TemplateError(message)


# The parameters' names and order are what templates call; jinja2's own filter escapes HTML and sorts keys.
def _tojson(
    x: Any,
    ensure_ascii: Any = False,  # noqa: FBT002
    indent: Any = None,
    separators: Any = None,
    sort_keys: Any = False,  # noqa: FBT002
) -> str:
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def compile_template(source: str, now: datetime | None) -> tuple[jinja2.Template, GenerationTag]:
    """The compiled template and the extension that tracks its generation spans.

    `now` fixes what `strftime_now` tells (None: the time of the call). Raises jinja2.TemplateSyntaxError, or
    whatever a hostile source provokes in the compiler.
    """
    environment = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, jinja2.ext.loopcontrols])

    def strftime_now(format: str) -> str:  # noqa: A002 - the name that templates may give
        return (now or datetime.now()).strftime(format)

    environment.filters["tojson"] = _tojson
    environment.globals.update(
        raise_exception=_raise_exception,
        strftime_now=strftime_now,
        dict=_Dict(),
        namespace=_Namespace,
    )
    template = environment.from_string(source)
    tag = environment.extensions[GenerationTag.identifier]
    assert isinstance(tag, GenerationTag)
    return template, tag
