"""Methods and plain values of classes, exchanged where nobody has looked for them."""

from __future__ import annotations

import abc
import datetime as dt
import gc
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from types import CellType, FunctionType, ModuleType
from typing import Any

from ..protocol.reasons import Reason
from ..records import dataclass
from .audit import CopyAudit
from .equality import identical, qualname
from .index import Index
from .lookups import READERS, Computed, KnownClasses
from .members import METHOD, ClassEdit, Member
from .names import held_elsewhere, is_usual, same_literals
from .recorder import RunRecorder

_namespace_of = type.__dict__["__dict__"].__get__
_mro_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
_qualname_of: Callable[[type], str] = type.__dict__["__qualname__"].__get__
_set: Callable[[type, str, object], None] = type.__setattr__  # no metaclass is to notice
_delete: Callable[[type, str], None] = type.__delattr__
_LOOKING_ITSELF = frozenset({"__getattr__", "__getattribute__"})
#: Functions that get the class as it is, without being marked.
_OF_CLASSES = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})
_STATIC = "__static_attributes__"
_FIRST_LINE = "__firstlineno__"
#: What a class body binds before its first statement.
_HEADER = frozenset({"__module__", "__qualname__", _FIRST_LINE, "__doc__", "__annotations__"})
#: Names that functions written in C look up: those of what they are usually given, and some more.
_LOOKED_UP_IN_C = frozenset(
    name
    for kind in (
        dict, list, set, str, bytes, bytearray, io.RawIOBase, io.TextIOWrapper, io.BytesIO,
        dt.datetime, dt.tzinfo, type(iter(())), type(_ for _ in ()), BaseException,
        SyntaxError, OSError, ImportError, ModuleType, FunctionType, property,
    )
    for name in dir(kind)
) | {
    # Of codecs and json, of csv, pickle and random, of importlib, of asyncio.
    "decode", "encode", "strict", "object_hook", "object_pairs_hook", "parse_float", "parse_int",
    "parse_constant", "default", "delimiter", "doublequote", "escapechar", "lineterminator",
    "quotechar", "quoting", "skipinitialspace", "persistent_id", "persistent_load", "find_class",
    "reducer_override", "dispatch_table", "getrandbits", "random", "seed", "find_spec",
    "asend", "athrow", "aclose",
    "load_module", "exec_module", "create_module", "get_data", "path", "step", "finalize",
    "inverse", "value", "mro", "cancel", "call_soon", "add_done_callback", "get_loop", "fileno",
}  # fmt: skip


@dataclass(frozen=True)
class ClassExchange:
    """The namespace of one class, before and after."""

    owner: type
    before: dict[str, object]
    after: dict[str, object]

    def apply(self) -> None:
        """Give the class its new attributes."""
        _give(self.owner, self.after)

    def revert(self) -> None:
        """Give it those that it had."""
        _give(self.owner, self.before)


def _give(owner: type, wanted: dict[str, object]) -> None:
    """Make the namespace of a class like this, in the same order."""
    namespace = _real_namespace(owner)
    for name in [*namespace]:
        if name not in wanted:
            _delete(owner, name)
    for name, value in wanted.items():
        if name not in namespace or namespace[name] is not value:
            _set(owner, name, value)
    for at, (found, name) in enumerate(zip([*namespace], wanted, strict=True)):
        if found != name:
            for later in [*wanted][at:]:
                namespace[later] = namespace.pop(later)
            return


def _real_namespace(owner: type) -> dict[str, object]:
    """The dictionary of a class; to be changed in its order alone, which no cache depends on."""
    (namespace,) = gc.get_referents(_namespace_of(owner))
    assert type(namespace) is dict
    return namespace


class Members:
    """Whether the members of the classes of one file may be exchanged in this process."""

    def __init__(
        self,
        path: str,
        index: Index,
        recorder: RunRecorder,
        audit: CopyAudit,
        known: KnownClasses,
    ) -> None:
        self._path = path
        self._index = index
        self._recorder = recorder
        self._audit = audit
        self._known = known

    def changes(self, edits: Iterable[ClassEdit]) -> list[ClassExchange] | Reason:
        """The exchanges, or why not."""
        found: list[ClassExchange] = []
        for edit in edits:
            change = self._change(edit)
            if isinstance(change, Reason):
                return change
            found.append(change)
        return found

    def _change(self, edit: ClassEdit) -> ClassExchange | Reason:
        begun = self._audit.namespaces.begun(self._path)
        module = sys.modules.get(begun.name) if begun else None
        if begun is None or type(module) is not ModuleType or id(module) != begun.identity:
            text = f"it was not recorded what has read the names of {self._path}"
            return Reason("AP151", text)
        space: dict[str, object] = ModuleType.__getattribute__(module, "__dict__")
        owner = space.get(edit.owner)
        if not (isinstance(owner, type) and _is_made_here(owner, begun.name, edit)):
            return Reason("AP154", f"{edit.owner} of {begun.name} is not what its file says")
        return (
            self._looked_for(edit, owner)
            or self._made_by(edit, owner)
            or self._differs(edit, owner, space)
            or self._exchange(edit, owner, space)
        )

    # -- who has looked -----------------------------------------------------------

    def _looked_for(self, edit: ClassEdit, owner: type) -> Reason | None:
        if blind := self._audit.blind_to_names():
            return blind
        if taker := self._audit.namespaces.framed.get(self._path):
            text = f"{taker} may have read any attribute of {edit.owner} from its frame"
            return Reason("AP155", text)
        looked_up = self._looked_up(owner)
        if isinstance(looked_up, Reason):
            return looked_up
        looked_up |= self._recorder.loose_names
        family = [*_subclasses(owner)]
        for base in {base for one in family for base in _mro_of(one)}:
            matched = _namespace_of(base).get("__match_args__", ())
            looked_up.update(matched if isinstance(matched, tuple) else ())
        mentioned = self._recorder.lookups.names
        for member in (*edit.gone, *edit.come):
            what = ""
            if member.name in mentioned or member.name in looked_up:
                what = "code that ran while starting mentions the name of"
            elif any(
                looked(one, member.name) for looked in self._known.looked_at for one in family
            ):
                what = "the framework may have looked for"
            elif member.name in _LOOKED_UP_IN_C:
                what = "Python itself may have looked for"
            if what:
                return Reason("AP155", f"{what} {edit.owner}.{member.name}")
        return None

    def _looked_up(self, owner: type) -> set[str] | Reason:
        """Names that were looked up by functions that compute them."""
        family = [*_subclasses(owner)]
        held = {*_functions_of(family)}
        known = {**READERS, **self._known.readers}
        found: set[str] = set()
        # In order, so that the reason that is given is the same each time.
        for one in sorted(self._recorder.lookups.computed, key=lambda one: (one.modules, one.name)):
            names = {(module, one.name) for module in one.modules} & known.keys()
            if names:
                found.update(name for reader in names for name in known[reader])
            elif one.receivers is None or not all(
                self._is_elsewhere(receiver, one, owner, family, held) for receiver in one.receivers
            ):
                reader = f"{one.modules[0]}.{one.name}()"
                text = f"{reader} may have read any attribute of {_qualname_of(owner)}"
                return Reason("AP155", text)
        return found

    def _is_elsewhere(
        self,
        receiver: str,
        reader: Computed,
        owner: type,
        family: list[type],
        held: set[tuple[object, str]],
    ) -> bool:
        """Whether that in which something was looked up has nothing to do with a class."""
        modules = {id(module): module for module in map(sys.modules.get, reader.modules)}
        (module, *others) = modules.values()
        if others or not isinstance(module, ModuleType):
            return False
        space: dict[str, object] = ModuleType.__getattribute__(module, "__dict__")
        if receiver[0] in ".:":
            if (module.__name__, reader.name) in held:
                return False  # a function that the class has, from whatever other one
            around = _inside(space, receiver[1:])
            name = reader.name.rpartition(".")[2]
            return (
                isinstance(around, type)
                and _is_bound(around, name, to_class=receiver[0] == ":")
                and not issubclass(around, type)
                and all(around not in _mro_of(one) for one in family)
            )
        if receiver not in space:
            return False
        value = space[receiver]
        kind = value if isinstance(value, type) else type(value)
        stands_for = [kind]
        if not isinstance(value, type) and any(
            not _LOOKING_ITSELF.isdisjoint(_namespace_of(one)) for one in _mro_of(kind)[:-1]
        ):
            # It may ask another object, which it holds.
            stands_for += map(type, _own_values(value))
            stands_for += [one for one in _own_values(value) if isinstance(one, type)]
        return all(owner not in _mro_of(one) for one in stands_for)

    # -- who has made it ------------------------------------------------------------

    def _made_by(self, edit: ClassEdit, owner: type) -> Reason | None:
        """A metaclass or a base that may have done something with what came or went."""
        for one in _subclasses(owner):
            for member in (*edit.gone, *edit.come):
                maker = self._maker(one, owner, member)
                if maker:
                    text = f"{maker} may have read {edit.owner}.{member.name}"
                    return Reason("AP156", text)
        return None

    def _maker(self, one: type, owner: type, member: Member) -> str | None:
        value = _value(member) if member.kind != METHOD else _nobody
        makers: list[type] = []
        if issubclass(owner, type):
            return "type"
        if type(one) not in {type, abc.ABCMeta}:
            makers.append(type(one))
        makers += [
            base
            for base in _mro_of(one)
            if base is not object and "__init_subclass__" in _namespace_of(base)
        ]
        for maker in makers:
            named = (maker.__module__, _qualname_of(maker))
            ignores = self._known.made_by.get(named) or _MADE_BY.get(named)
            if ignores is None or not ignores(one, member.name, value):
                return _qualname_of(maker)
        for base in _mro_of(one):
            space = _namespace_of(base)
            if "__dataclass_fields__" in space or "__attrs_attrs__" in space:
                return _qualname_of(base)
            if member.name in space.get("__abstractmethods__", ()):
                return _qualname_of(base)
        if "__slots__" in _namespace_of(owner):
            return "__slots__"
        return None

    # -- what is there --------------------------------------------------------------

    def _differs(self, edit: ClassEdit, owner: type, space: dict[str, object]) -> Reason | None:
        """A member that is not what its file says, or is held by somebody else."""
        own = _namespace_of(owner)
        gone = {member.name for member in edit.gone}
        functions = []
        for member in edit.gone:
            value = own.get(member.name)
            name = f"{edit.owner}.{member.name}"
            if member.name not in own or not _is_as_written(member, value):
                return Reason("AP154", f"{name} is not what its file says")
            if member.kind == METHOD:
                functions.append(value)
        for member in edit.come:
            if member.name in own and member.name not in gone:
                return Reason("AP154", f"{edit.owner}.{member.name} was bound by something else")
            for used in member.uses:
                if not is_usual(used, space):
                    return Reason("AP154", f"{used} is not what it usually is in {self._path}")
        value = None
        if held_elsewhere(functions):
            return Reason("AP155", f"a method that changed in {edit.owner} is held elsewhere")
        return None

    # -- the exchange ---------------------------------------------------------------

    def _exchange(
        self, edit: ClassEdit, owner: type, space: dict[str, object]
    ) -> ClassExchange | Reason:
        before = dict(_namespace_of(owner))
        gone = {member.name for member in edit.gone}
        after = {name: value for name, value in before.items() if name not in gone}
        made = self._made(edit, owner, space)
        names = [*after]
        # What a metaclass has bound anew stands behind what the body has bound.
        end = names.index(_STATIC) if _STATIC in names else None
        for name in edit.order:
            if name not in made:
                continue
            at = _place(name, names, edit.order, end)
            if at is None:
                return Reason("AP153", f"the place of {edit.owner}.{name} is not certain")
            names.insert(at, name)
            end = None if end is None else end + 1
        after |= made
        return ClassExchange(owner, before, {name: after[name] for name in names})

    def _made(self, edit: ClassEdit, owner: type, space: dict[str, object]) -> dict[str, object]:
        cell: CellType | None = None
        found: dict[str, object] = {}
        for member in edit.come:
            if member.kind != METHOD:
                found[member.name] = _value(member)
                continue
            closure: tuple[CellType, ...] | None = None
            if member.code.co_freevars:
                cell = cell or self._cell(owner) or CellType(owner)
                closure = (cell,)
            found[member.name] = _function(member, space, closure)
        return found

    def _cell(self, owner: type) -> CellType | None:
        """The cell by which the methods of a class see it."""
        prefix = f"{_qualname_of(owner)}."
        for function in self._index.functions(self._path):
            names = function.__code__.co_freevars
            if "__class__" in names and qualname(function.__code__).startswith(prefix):
                cell = (function.__closure__ or ())[names.index("__class__")]
                try:
                    if cell.cell_contents is owner:
                        return cell
                except ValueError:
                    continue
        return None


def _place(name: str, names: list[str], order: tuple[str, ...], end: int | None) -> int | None:
    """Where a name is to be put among those of the class; None: not certain."""
    if end is None:
        return None
    in_place = names[:end]
    at = order.index(name)
    for earlier in reversed(order[:at]):
        if earlier in in_place:
            return in_place.index(earlier) + 1
    for later in order[at + 1 :]:
        if later in in_place:
            return in_place.index(later)
    return end


def _is_made_here(owner: type, module: str, edit: ClassEdit) -> bool:
    space = _namespace_of(owner)
    return (
        space.get("__module__") == module
        and _qualname_of(owner) == edit.owner
        and bool(space.get(_FIRST_LINE, edit.line) == edit.line)
    )


def _is_as_written(member: Member, value: object) -> bool:
    if member.kind != METHOD:
        return same_literals(_value(member), value)
    return (
        type(value) is FunctionType
        and identical(member.code, value.__code__)
        and not value.__dict__
    )


def _value(member: Member) -> object:
    scratch: dict[str, object] = {"__builtins__": {}}
    exec(member.code, scratch)  # noqa: S102 - literals
    return scratch[member.name]


def _function(
    member: Member, space: dict[str, object], closure: tuple[CellType, ...] | None
) -> FunctionType:
    assert member.header is not None
    made: dict[str, Any] = {}
    exec(member.header, space, made)  # noqa: S102 - literals and built-in types
    header = made["header"]
    code = member.code
    function = FunctionType(code, space, code.co_name, header.__defaults__, closure)
    if header.__kwdefaults__:
        function.__kwdefaults__ = header.__kwdefaults__
    if header.__annotations__:
        function.__annotations__ = header.__annotations__
    return function


def _subclasses(owner: type) -> Iterator[type]:
    """The class and all that are made from it."""
    seen: set[int] = set()
    waiting = [owner]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += type.__subclasses__(one)  # past any metaclass


def _functions_of(family: Iterable[type]) -> Iterator[tuple[object, str]]:
    """Modules and dotted names of the functions that classes have, and inherit."""
    for base in {base for one in family for base in _mro_of(one)}:
        for value in _namespace_of(base).values():
            parts = (value.fget, value.fset, value.fdel) if type(value) is property else (value,)
            for part in parts:
                inner = part.__func__ if isinstance(part, (classmethod, staticmethod)) else part
                if type(inner) is FunctionType:
                    yield inner.__globals__.get("__name__"), qualname(inner.__code__)


def _is_bound(around: type, name: str, *, to_class: bool) -> bool:
    """Whether the first argument of a function in a class is an instance of it, or the class."""
    value = _namespace_of(around).get(name)
    if to_class:
        return isinstance(value, classmethod) or name in _OF_CLASSES
    return not isinstance(value, staticmethod)


def _own_values(value: object) -> list[object]:
    try:
        held = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return []
    return [*held.values()] if isinstance(held, dict) else []


def _inside(space: dict[str, object], dotted: str) -> object:
    first, *rest = dotted.split(".")
    found: object = space.get(first)
    for name in rest:
        if not isinstance(found, type):
            return None
        found = _namespace_of(found).get(name)
    return found


def _nobody() -> None:
    """A function, for those who look at the type."""


def _ignores_all(_owner: type, _name: str, _value: object) -> bool:
    return True


#: Classes of the standard library whose ``__init_subclass__`` reads special names alone.
_MADE_BY = {("typing", "Generic"): _ignores_all}
