# SPDX-License-Identifier: Apache-2.0
"""Modules: from the main file and its imports to one program with every name resolved to its declaration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from os.path import isfile
from pathlib import Path

from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import Diagnostic, Label, Sink
from hepq.core.results_cache import kept
from hepq.core.source import Source, Span
from hepq.lang.syntax import ast
from hepq.lang.syntax.declaration import declaration_of
from hepq.lang.syntax.parser import grammar_text, parse
from hepq.lang.syntax.reading import MAX_MODULES, allow_deep_recursion, read_source

MAIN = "main"
PRELUDE = "std.prelude"


@dataclass(frozen=True)
class Binding:
    """What a name means: the declaration of ``entry`` in ``module``; for ``import a.b``, module ``a.b`` itself."""

    module: str
    decl: ast.Decl
    entry: str


@dataclass(frozen=True)
class ModuleAst:
    """A parsed module; ``scope`` has its own names, what it imports and, outside the library, the prelude."""

    name: str
    file: ast.File
    scope: Mapping[str, Binding]


@dataclass(frozen=True)
class Program:
    """The main module and, by name, every module it needs (itself included)."""

    main: ModuleAst
    modules: Mapping[str, ModuleAst]

    def home(self, decl: ast.Decl) -> str:
        """The module that ``decl`` stands in, whatever imports it: its names are those of that module."""
        source = decl.span.source
        return next((name for name, m in self.modules.items() if m.file.span.source is source), self.main.name)


def load(path: Path | None, text: str | None, sink: Sink, search: tuple[Path, ...] = ()) -> Program:
    """Parse a program and everything it imports.

    ``text`` replaces the contents of the file at ``path``. Modules ``std.…`` come with hepq; others
    are looked for beside the importing file, then in the folders of ``search``. Never raises.
    """
    allow_deep_recursion()
    shown = str(path) if path else "<input>"
    source = Source(shown, text) if text is not None else read_source(Path(shown), sink)
    loader = _Loader(sink, search, names={} if path is None else {_resolved(path): MAIN})
    main = loader.add(MAIN, parse(source or Source(shown, ""), sink), path.parent if path else None)
    return Program(main, loader.done)


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):
        return path


def declared_names(decl: ast.Decl) -> tuple[str, ...]:
    """Names that a declaration brings into its module."""
    return declaration_of(decl).names(decl)


def name_span(within: Span, name: str) -> Span:
    """Where ``name`` first stands as a word in ``within``."""
    found = re.search(rf"(?<![\w.])(?:\w+\.)*({re.escape(name)})(?![\w'])", within.text)
    return within if found is None else Span(within.source, within.start + found.start(1), within.start + found.end(1))


def _words(within: Span) -> dict[str, Span]:
    """Every word in ``within``, where it first stands."""
    found: dict[str, Span] = {}
    for match in re.finditer(r"[\w']+", within.text):
        if match[0] not in found:
            found[match[0]] = Span(within.source, within.start + match.start(), within.start + match.end())
    return found


@dataclass
class _Loader:
    sink: Sink
    search: tuple[Path, ...]
    done: dict[str, ModuleAst] = field(default_factory=dict)
    #: modules being loaded, outermost first
    stack: list[str] = field(default_factory=list)
    #: file -> name of the module in it
    names: dict[Path, str] = field(default_factory=dict)

    def add(self, name: str, file: ast.File, folder: Path | None) -> ModuleAst:
        """Load what a parsed module imports; ``folder`` is where its own imports are looked for."""
        self.stack.append(name)
        own: dict[str, tuple[Binding, Span]] = {}
        lost = set(file.lost)
        for decl in file.decls:
            _check_parameters(decl, self.sink)
            target = self._target(decl, folder)
            home = name if target == "" else target
            words = _words(decl.span)
            for entry in declared_names(decl):
                where = words.get(entry, decl.span)
                binding = None if home is None else self._binding(decl, entry, home, where)
                if binding is None:
                    lost.add(entry)
                else:
                    self._declare(own, entry, binding, where)
        scope = self._prelude(name) | {entry: binding for entry, (binding, _) in own.items()}
        self.stack.pop()
        self.done[name] = ModuleAst(name, replace(file, lost=frozenset(lost)), scope)
        return self.done[name]

    def _declare(self, own: dict[str, tuple[Binding, Span]], name: str, binding: Binding, span: Span) -> None:
        known, first = own.setdefault(name, (binding, span))
        imported_again = known is not binding and known.decl is binding.decl and known.module == binding.module
        if known is not binding and not (imported_again and first != span):
            also = [Label(first, "first declared here")] if first != span else []
            self.sink.add(diag("HQ0102", span, *also, name=name))

    def _target(self, decl: ast.Decl, folder: Path | None) -> str | None:
        """The module an import names, "" for other declarations, None after an error."""
        if not isinstance(decl, (ast.Import, ast.FromImport)):
            return ""
        name, span = ".".join(decl.path), decl.span
        if name.startswith("std."):
            return self._library(name, span)
        folders = ([folder] if folder else []) + list(self.search)
        file = next((f for f in (d.joinpath(*decl.path).with_suffix(".hepq") for d in folders) if isfile(f)), None)
        if file is None:
            known = [f.stem for d in folders for f in sorted(d.glob("*.hepq"))]
            looked = ", ".join(str(d) for d in folders) or "the library only: this text has no folder"
            self.sink.add(diag("HQ0105", name_span(span, name), module=name, looked=looked, near=near(name, known)))
            return None
        if len(self.names) > MAX_MODULES:
            self.sink.add(diag("HQ0045", span, limit=MAX_MODULES))
            return None
        taken = {MAIN, *self.names.values()}
        key = self.names.setdefault(_resolved(file), str(file) if name in taken else name)
        if self._is_ready(key, span):
            return key if key in self.done else None
        source = read_source(file, self.sink)
        return None if source is None else self.add(key, parse(source, self.sink), file.parent).name

    def _library(self, name: str, span: Span | None) -> str | None:
        parsed = library_module(name)
        if parsed is None:
            if span is not None:
                known = near(name, library_modules())
                looked = ", ".join(library_modules())
                self.sink.add(diag("HQ0105", name_span(span, name), module=name, looked=looked, near=known))
            return None
        if self._is_ready(name, span):
            return name if name in self.done else None
        for diagnostic in parsed[1]:
            self.sink.add(diagnostic)
        return self.add(name, parsed[0], None).name

    def _is_ready(self, name: str, span: Span | None) -> bool:
        """Whether a module is loaded already, or being loaded, which is an error."""
        if name in self.stack and span is not None:
            cycle = [*self.stack[self.stack.index(name) :], name]
            self.sink.add(diag("HQ0107", span, cycle=" → ".join(cycle)))
        return name in self.done or name in self.stack

    def _binding(self, decl: ast.Decl, entry: str, module: str, span: Span) -> Binding | None:
        """What one name of a declaration means; None after an error, here or in the module it comes from."""
        if not isinstance(decl, ast.FromImport):
            return Binding(module, decl, entry)
        origin = self.done[module]
        found = origin.scope.get(entry)
        if found is None and entry not in origin.file.lost:
            has = [name for name, binding in origin.scope.items() if binding.module == module]
            listed = ", ".join(has[:12]) + (", …" if len(has) > 12 else "")
            shown = None if near(entry, has) or not has else f"it has {listed}"
            self.sink.add(diag("HQ0106", span, module=module, name=entry, near=near(entry, has), help=shown))
        return found

    def _prelude(self, name: str) -> dict[str, Binding]:
        if name.startswith("std.") or self._library(PRELUDE, None) is None:
            return {}
        return dict(self.done[PRELUDE].scope)


@cache
def library_modules() -> tuple[str, ...]:
    """Names of the modules that come with hepq: ``std.nn`` and so on."""
    return tuple(sorted(f"std.{f.name[:-5]}" for f in files("hepq.stdlib").iterdir() if f.name.endswith(".hepq")))


@cache
def library_module(name: str) -> tuple[ast.File, tuple[Diagnostic, ...]] | None:
    """A module of the library, parsed once, and kept in the user's cache."""
    if name not in library_modules():
        return None
    file = name.removeprefix("std.") + ".hepq"
    text = files("hepq.stdlib").joinpath(file).read_text(encoding="utf-8")

    def parsed() -> tuple[ast.File, tuple[Diagnostic, ...]]:
        sink = Sink()
        return parse(Source(f"std/{file}", text), sink), tuple(sink.items)

    return kept(name, text.encode() + _parser(), parsed)


@cache
def _parser() -> bytes:
    """All that a syntax tree depends on besides its text."""
    here = Path(__file__).parent
    code = [
        *sorted(here.glob("syntax/*.py")),
        *sorted(here.glob("declarations/**/*.py")),
        here.parent / "core/source.py",
    ]
    return grammar_text().encode() + b"".join(file.read_bytes() for file in code)


def _check_parameters(decl: ast.Decl, sink: Sink) -> None:
    if not isinstance(decl, (ast.FnDecl, ast.CircuitDecl)):
        return
    params = [*decl.statics, *decl.params, *([decl.register] if isinstance(decl, ast.CircuitDecl) else [])]
    first: dict[str, ast.Param] = {}
    for param in params:
        known = first.setdefault(param.name, param)
        if known is not param:
            where = name_span(param.span, param.name)
            sink.add(diag("HQ0108", where, Label(name_span(known.span, param.name), "first here"), name=param.name))
