"""Which attributes were looked up by code that ran while starting, by their names.

An attribute is looked up by code that mentions it, or by ``getattr()`` and its like. Those look
for what stands beside them, or for a name that is computed. What is looked up by a computed name
may be any attribute of what it is looked up in.
"""

from __future__ import annotations

import dis
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType
from typing import Any

from ..records import dataclass, field
from .equality import qualname
from .modules import module_namespaces

#: A function or class by its module and its dotted name.
Named = tuple[str, str]

#: These look for the name that is their argument.
_LOOK_FOR = {"getattr": 2, "hasattr": 2, "delattr": 2, "attrgetter": 1, "methodcaller": 1}
#: These look at all attributes of their argument, or for one by a computed name.
_LOOK_AT_ALL = frozenset({"dir", "getattr_static", "getmembers", "getmembers_static", "vars"})
#: The same, as attributes.
_LOOKING = frozenset({"__dict__", "__getattr__", "__getattribute__"})
#: Nobody gives another thing these names.
_STATIC_LOOKS = frozenset(
    {"attrgetter", "getattr_static", "getmembers", "getmembers_static", "methodcaller"}
)
_LOOKS = frozenset(_LOOK_FOR) | _LOOK_AT_ALL | _LOOKING
_EXTENDED_ARG = dis.opmap["EXTENDED_ARG"]
#: Instructions that look up an attribute, and how many bits of their argument are flags.
_LOADS = {
    dis.opmap[name]: bits
    for name, bits in (
        ("LOAD_ATTR", 1),
        ("LOAD_SUPER_ATTR", 2),
        ("IMPORT_FROM", 0),
        ("DELETE_ATTR", 0),
        ("STORE_ATTR", 0),
    )
    if name in dis.opmap
}
_STORE_ATTR = dis.opmap["STORE_ATTR"]
_STORES = {dis.opmap["STORE_NAME"], dis.opmap["STORE_GLOBAL"]}
_STORE_GLOBAL = dis.opmap["STORE_GLOBAL"]
_LOAD_FAST = dis.opmap["LOAD_FAST"]
_LOAD_TWO = dis.opmap.get("LOAD_FAST_LOAD_FAST", -1)
_CALL_UNPACKED = dis.opmap["CALL_FUNCTION_EX"]
_JUMPS_BACK = {
    dis.opmap[name] for name in ("JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT") if name in dis.opmap
}
_MATCH_CLASS = dis.opmap.get("MATCH_CLASS", -1)
_JUMPS = {*dis.hasjrel, *dis.hasjabs}
_WORD = re.compile(r"\w+")
#: The beginning of a field of a format, the name of which is computed.
_OPEN_FIELD = re.compile(r"\{\w*[.\[][\w.\[\]]*$")


@dataclass(frozen=True)
class KnownClasses:
    """What is known of how the classes of a framework are made and looked at.

    ``made_by``: metaclasses, and classes with ``__init_subclass__``, with a function that says
    whether an attribute of this name and with this value, a function or made of literals, is
    none of their business. ``readers``: functions that look up computed names, with those that
    they may have looked for in any class. ``given``: functions that look up names that are given
    to them as constants, and ``unpacked`` those that look up the names of keywords, which are
    computed where a call unpacks a mapping. ``looked_at``: whether a class was looked at as a
    whole, or for a name.
    """

    made_by: Mapping[Named, Callable[[type, str, object], bool]] = field(default_factory=dict)
    readers: Mapping[Named, tuple[str, ...]] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    unpacked: frozenset[str] = frozenset()
    looked_at: tuple[Callable[[type, str], bool], ...] = ()


NOTHING_KNOWN = KnownClasses()


def _known(names: Mapping[str, str]) -> dict[Named, tuple[str, ...]]:
    return {(module, name): () for module, text in names.items() for name in text.split()}


#: Functions of the standard library, and of packages that many others need, which look up special
#: names alone, names of modules and instances, or those that their callers mention.
READERS: Mapping[Named, tuple[str, ...]] = _known(
    {
        "_collections_abc": "_check_methods",
        "abc": "update_abstractmethods",
        "argparse": "ArgumentParser._get_value ArgumentParser._parse_known_args"
        " ArgumentParser.parse_known_args",
        "asgiref.local": "_DefaultLocal.__getattr__ _ThreadCriticalLocal.__getattr__",
        "bs4.builder": "register_treebuilders_from",
        "copy": "_reconstruct",
        "copyreg": "_slotnames",
        "cryptography.hazmat.bindings.openssl.binding": "build_conditional_library",
        "cryptography.utils": "_ModuleWithDeprecations.__getattr__",
        # A class with fields, or with such a subclass, is left alone.
        "dataclasses": "Field.__set_name__ _add_slots _get_field _get_slots _is_type"
        " _process_class _set_new_attribute fields",
        "email._policybase": "_extend_docstrings",
        # So are enumerations.
        "enum": "EnumType.__new__ EnumType._add_member_ EnumType._convert_"
        " EnumType._find_data_repr_ EnumType._find_data_type_ EnumType._find_new_"
        " EnumType.__setattr__ _proto_member.__set_name__ _simple_enum.<locals>.convert_class"
        " global_enum property.__get__",
        "functools": "total_ordering update_wrapper",
        "hashlib": "__get_openssl_constructor",
        "importlib._bootstrap": "FrozenImporter.exec_module _find_and_load _handle_fromlist"
        " _find_and_load_unlocked",
        "importlib._bootstrap_external": "_LoaderBasics.exec_module",
        "importlib.metadata": "DeprecatedNonAbstract.__new__",
        "importlib.metadata._adapters": "Message.__new__",
        "importlib.resources._adapters": "SpecLoaderAdapter.__getattr__",
        # Whoever calls them is looked at.
        "inspect": "_check_class _descriptor_get _getmembers _signature_from_callable"
        " _signature_fromstr _signature_get_user_defined_method get_annotations getattr_static"
        " getmembers",
        "logging": "Logger.makeRecord PercentStyle._format",
        # Dotted names are words of the code that mentions them.
        "logging.config": "BaseConfigurator.resolve",
        "multiprocessing": "<genexpr> <module>",
        "os": "_get_exports_list",
        "pickle": "<module>",
        # Classes with such a base are left alone.
        "random": "Random.__init_subclass__",
        "six": "<module>",
        "ssl": "_sslcopydoc",
        "sqlparse.tokens": "_TokenType.__getattr__",
        "typing": "_BaseGenericAlias.__getattr__ _TypedDictMeta.__new__ __getattr__"
        " _generic_init_subclass _get_protocol_attrs get_type_hints runtime_checkable",
        "typing_extensions": "_get_protocol_attrs",
        "xml.dom.minicompat": "defproperty",
    }
)


@dataclass(frozen=True)
class Computed:
    """Code that looks up attributes by computed names.

    ``modules``: those of its file. ``receivers``: in what, each a name of its module or, beginning
    with a dot, the class around it, for instances of that, or with a colon, for itself; None: in
    anything.
    """

    modules: tuple[str, ...]
    name: str
    receivers: tuple[str, ...] | None


class Lookups:
    """Attributes that code has looked up."""

    def __init__(self) -> None:
        #: By these names.
        self.names: set[str] = set()
        #: By others, too.
        self.computed: list[Computed] = []
        #: Functions that look up names that are given to them.
        self.given: frozenset[str] = frozenset()
        #: Those of them that look up the names of keywords.
        self.unpacked: frozenset[str] = frozenset()
        #: Names of modules, by their files, that may have meant several things.
        self._rebound: dict[str, set[str]] = {}
        self._to_read: list[CodeType] = []

    def note(self, code: CodeType) -> None:
        """This code has run, and is not kept."""
        self.names.update(_mentioned(code))
        if code.co_name == "<module>":
            self._rebound.setdefault(code.co_filename, set()).update(_rebound(code))
        if self._looks(code):
            self._to_read.append(code)

    def read(self, ran: Iterable[CodeType]) -> tuple[set[str], list[tuple[object, ...]]]:
        """The names in these and in all that was noted, and the `Computed`; takes its time."""
        names: set[str] = set()
        rebound = {path: {*bound} for path, bound in self._rebound.items()}
        reading = [*self._to_read]
        for code in ran:
            names.update(_mentioned(code))
            if _STORE_GLOBAL in code.co_code[::2]:
                rebound.setdefault(code.co_filename, set()).update(_arguments(code, _STORE_GLOBAL))
            if self._looks(code):
                reading.append(code)
        modules = _modules_by_file()
        found = set()
        for code in reading:
            names.update(_words(code.co_consts))
            receivers: frozenset[str] | None = frozenset()
            if self._computes(code):
                receivers = None
            elif not _LOOKS.isdisjoint(_names(code)):
                receivers = _Receivers(code).found()
                if receivers and not receivers.isdisjoint(rebound.get(code.co_filename, ())):
                    receivers = None
            if receivers is None or receivers:
                path = code.co_filename
                frozen = path[len("<frozen ") : -1] if path.startswith("<frozen ") else path
                where = modules.get(path, (frozen,))
                found.add((where, qualname(code), receivers and tuple(sorted(receivers))))
        return names, [*found]

    def complete(self, names: set[str], computed: Iterable[tuple[Any, ...]]) -> None:
        """Take in what `read` has returned."""
        self.names |= names
        self.computed = [*{*self.computed, *(Computed(*one) for one in computed)}]
        self._to_read.clear()

    def _looks(self, code: CodeType) -> bool:
        names = (code.co_name, *code.co_names)
        return self._computes(code) or not (
            _LOOKS.isdisjoint(names)
            and self.given.isdisjoint(names)
            and _STATIC_LOOKS.isdisjoint(_names(code))
            and _MATCH_CLASS not in code.co_code[::2]
        )

    def _computes(self, code: CodeType) -> bool:
        """Whether it puts formats together, or unpacks keywords for who looks up their names."""
        is_unpacking = not self.unpacked.isdisjoint(code.co_names) and (
            _CALL_UNPACKED in code.co_code[::2]
        )
        return is_unpacking or any(
            type(one) is str and "{" in one and _OPEN_FIELD.search(one) for one in code.co_consts
        )


def _names(code: CodeType) -> tuple[str, ...]:
    return (*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars)


def _rebound(module: CodeType) -> Iterator[str]:
    """Names that the code of a module binds more than once, or in a loop."""
    raw = module.co_code
    operations = raw[::2]
    bound: dict[str, int] = {}
    for operation in _STORES:
        for at, name in _places(module, operation):
            if bound.setdefault(name, at) != at:
                yield name
    for operation in _JUMPS_BACK.intersection(operations):
        for end, argument in _found(module, operation):
            begin = end - argument
            yield from (name for name, at in bound.items() if begin <= at <= end)


def _found(code: CodeType, operation: int) -> Iterator[tuple[int, int]]:
    """Where an operation stands, and its arguments."""
    raw = code.co_code
    operations, arguments = raw[::2], raw[1::2]
    at = operations.find(operation)
    while at >= 0:
        argument, before, shift = arguments[at], at - 1, 8
        while before >= 0 and operations[before] == _EXTENDED_ARG:
            argument |= arguments[before] << shift
            before, shift = before - 1, shift + 8
        yield at, argument
        at = operations.find(operation, at + 1)


def _places(code: CodeType, operation: int, bits: int = 0) -> Iterator[tuple[int, str]]:
    for at, argument in _found(code, operation):
        yield at, code.co_names[argument >> bits]


def _arguments(code: CodeType, operation: int) -> Iterator[str]:
    return (name for _, name in _places(code, operation))


def _modules_by_file() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, namespace in module_namespaces():
        file = namespace.get("__file__")
        if isinstance(file, str):
            found[file] = (*found.get(file, ()), name)
    return found


def _mentioned(code: CodeType) -> Iterator[str]:
    """Names that this code looks up, and may lead others to look up."""
    yield from _loaded(code)
    for constant in code.co_consts:
        # ``str.format()`` looks up attributes, and dotted names are resolved, anywhere.
        if type(constant) is str and ("{" in constant or _is_dotted(constant)):
            yield from _WORD.findall(constant)


def _loaded(code: CodeType) -> Iterator[str]:
    has_self = bool(code.co_argcount) and code.co_varnames[0] == "self"
    for operation, bits in _LOADS.items():
        for at, name in _places(code, operation, bits):
            # What an instance gets for itself says nothing of its class.
            if not (operation == _STORE_ATTR and has_self and _is_of_first(code, at)):
                yield name


def _is_of_first(code: CodeType, at: int) -> bool:
    """Whether the attribute that is set at this place is one of the first argument."""
    raw = code.co_code
    before = at - 1
    while before >= 0 and raw[2 * before] == _EXTENDED_ARG:
        before -= 1
    if before < 0:
        return False
    operation, argument = raw[2 * before], raw[2 * before + 1]
    return (operation == _LOAD_FAST and argument == 0) or (
        operation == _LOAD_TWO and argument & 15 == 0
    )


def _is_dotted(text: str) -> bool:
    return ("." in text or ":" in text) and " " not in text


def _words(constants: Iterable[object]) -> Iterator[str]:
    for one in constants:
        if isinstance(one, str):
            # What has spaces in it is no name, nor several with dots between them.
            if " " not in one:
                yield from _WORD.findall(one)
        elif isinstance(one, (tuple, frozenset)):
            yield from _words(one)


@dataclass(frozen=True)
class _Instruction:
    operation: str
    value: object
    argument: int | None
    #: How many values are on the stack more than before; None: it depends on the way.
    effect: int | None


class _Receivers:
    """In what a piece of code looks up computed names."""

    def __init__(self, code: CodeType) -> None:
        self._code = code
        self._steps = [*_steps(code)]

    def found(self) -> frozenset[str] | None:
        """As in `Computed`; empty: it looks up constant names alone."""
        found: set[str] = set()
        for at, step in enumerate(self._steps):
            if step.operation == "IMPORT_FROM" and step.value in _LOOKS:
                # Under another name it would not be recognized where it is used.
                if self._steps[at + 1].value != step.value:
                    return None
            elif step.value in _LOOKS and step.operation.startswith("LOAD_"):
                if step.operation == "LOAD_CONST":
                    continue
                is_local = step.operation.startswith(("LOAD_FAST", "LOAD_DEREF"))
                if is_local and step.value not in _STATIC_LOOKS:
                    continue
                receiver = self._receiver(at)
                if receiver is None:
                    return None
                found.add(receiver)
        return frozenset(found - {""})

    def _receiver(self, at: int) -> str | None:
        word = str(self._steps[at].value)
        if word in _LOOKING:
            is_whole = word == "__dict__" and self._steps[at].operation == "LOAD_ATTR"
            return self._named(self._steps[at - 1 : at]) if is_whole and at else None
        arguments = self._arguments(at)
        if not arguments:
            return None
        if word in _LOOK_AT_ALL:
            return self._named(arguments[0])
        names = arguments if _LOOK_FOR[word] == 1 else arguments[1:2]
        if names and all(map(_is_text, names)):
            return ""
        return self._named(arguments[0]) if _LOOK_FOR[word] > 1 else None

    def _named(self, steps: list[_Instruction]) -> str | None:
        if len(steps) != 1:
            return None
        (step,) = steps
        if step.operation in {"LOAD_GLOBAL", "LOAD_NAME"}:
            is_own = self._code.co_name != "<module>" and any(
                one.operation == "STORE_NAME" and one.value == step.value for one in self._steps
            )
            return None if is_own else str(step.value)
        first = self._code.co_varnames[:1] if self._code.co_argcount else ()
        owner = qualname(self._code).rpartition(".")[0]
        is_self = step.operation.startswith("LOAD_FAST") and (step.value,) == first
        is_set = is_self and any(
            one.operation.startswith(("STORE_FAST", "DELETE_FAST"))
            and (one.value == first[0] or (isinstance(one.value, tuple) and first[0] in one.value))
            for one in self._steps
        )
        if not is_self or is_set or not owner or first[0] not in {"self", "cls"}:
            return None
        return f".{owner}" if first[0] == "self" else f":{owner}"

    def _arguments(self, at: int) -> list[list[_Instruction]]:
        """What computes the arguments of the function that is loaded at a step; none: unknown."""
        following = self._steps[at + 1 :]
        if following and following[0].operation == "PUSH_NULL":
            del following[0]
        found: list[list[_Instruction]] = []
        depth = 0
        for step in following:
            if step.operation == "CALL" and step.argument == depth:
                return found
            if step.effect is None:
                return []
            before, depth = depth, depth + step.effect
            if depth < 0 or depth > before + 1:
                return []
            if depth > len(found):
                found.append([step])
            elif found:
                # It works on the arguments that were computed so far, down to this one.
                found[depth - 1 :] = [[one for part in found[depth - 1 :] for one in part] + [step]]
        return []


def _is_text(steps: list[_Instruction]) -> bool:
    return len(steps) == 1 and steps[0].operation == "LOAD_CONST" and type(steps[0].value) is str


def _steps(code: CodeType) -> Iterator[_Instruction]:
    for one in dis.get_instructions(code):
        if one.opname in {"CACHE", "EXTENDED_ARG", "NOP"}:
            continue
        if one.opname == "LOAD_FAST_LOAD_FAST" and isinstance(one.argval, tuple):
            for value in one.argval:
                yield _Instruction("LOAD_FAST", value, None, 1)
            continue
        effect = None
        if one.opcode not in _JUMPS:
            effect = dis.stack_effect(one.opcode, one.arg)
        yield _Instruction(one.opname, one.argval, one.arg, effect)
