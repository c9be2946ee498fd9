"""Resolves the names of a Lua script as the compiler does; unresolved names are globals."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

import tree_sitter_lua
from tree_sitter import Language, Node, Parser

LUA = Language(tree_sitter_lua.language())


class Global(NamedTuple):
    name: str
    #: The source line that uses it.
    line: str


class Names:
    """The globals that a script reads and writes, and the most locals that any function holds at once."""

    def __init__(self, source: str) -> None:
        self.read: set[Global] = set()
        self.written: set[Global] = set()
        self.most_locals = 0
        self._lines = source.splitlines()
        self._blocks: list[list[str]] = []
        self._locals = 0
        root = Parser(LUA).parse(source.encode()).root_node
        if root.has_error:
            raise SyntaxError("tree-sitter cannot parse this script")
        self._visit_function(root, parameters=[], body=root)

    def _visit(self, node: Node) -> None:
        match node.type:
            case "identifier":
                self._use(node, self.read)
            case "variable_declaration":
                self._visit_declaration(node)
            case "assignment_statement":
                self._visit_assignment(node)
            case "function_declaration":
                self._visit_named_function(node)
            case "function_definition":
                self._visit_function(node, _parameters(node), node.child_by_field_name("body"))
            case "for_statement":
                self._visit_loop(node)
            case "repeat_statement":
                # The condition can still see the locals of the body.
                with self._block():
                    if body := node.child_by_field_name("body"):
                        self._visit_children(body)
                    self._visit(_child(node, "condition"))
            case "block":
                with self._block():
                    self._visit_children(node)
            case "dot_index_expression" | "method_index_expression":
                self._visit(_child(node, "table"))
            case "field":
                if node.children[0].type == "[":
                    self._visit(_child(node, "name"))
                self._visit(_child(node, "value"))
            case _:
                self._visit_children(node)

    def _visit_children(self, node: Node) -> None:
        for child in node.named_children:
            self._visit(child)

    def _visit_declaration(self, node: Node) -> None:
        inner = node.named_children[0]
        targets = inner
        if inner.type == "assignment_statement":
            targets, values = inner.named_children
            # `local x = x` reads the outer x.
            self._visit(values)
        for target in targets.children_by_field_name("name"):
            self._declare(_text(target))

    def _visit_assignment(self, node: Node) -> None:
        targets, values = node.named_children
        self._visit(values)
        for target in targets.named_children:
            if target.type == "identifier":
                self._use(target, self.written)
            else:
                self._visit(target)

    def _visit_named_function(self, node: Node) -> None:
        name, parameters = _child(node, "name"), _parameters(node)
        if node.children[0].type == "local":
            self._declare(_text(name))
        elif name.type == "identifier":
            self._use(name, self.written)
        else:
            self._visit(name)
        if name.type == "method_index_expression":
            parameters = ["self", *parameters]
        self._visit_function(node, parameters, node.child_by_field_name("body"))

    def _visit_function(self, node: Node, parameters: list[str], body: Node | None) -> None:
        outer, self._locals = self._locals, 0
        with self._block():
            for name in parameters:
                self._declare(name)
            if body:
                self._visit_children(body)
        self._locals = outer

    def _visit_loop(self, node: Node) -> None:
        clause, body = _child(node, "clause"), node.child_by_field_name("body")
        targets, values = clause, clause.named_children[1:]
        if clause.type == "for_generic_clause":
            targets = clause.named_children[0]
        for value in values:
            self._visit(value)
        with self._block():
            # Lua keeps the state of a loop in three unnamed locals.
            for name in ("", "", "", *map(_text, targets.children_by_field_name("name"))):
                self._declare(name)
            if body:
                self._visit(body)

    @contextmanager
    def _block(self) -> Generator[None]:
        names: list[str] = []
        self._blocks.append(names)
        yield
        self._blocks.pop()
        self._locals -= len(names)

    def _declare(self, name: str) -> None:
        self._blocks[-1].append(name)
        self._locals += 1
        self.most_locals = max(self.most_locals, self._locals)

    def _use(self, node: Node, globals_: set[Global]) -> None:
        name = _text(node)
        if not any(name in block for block in self._blocks):
            globals_.add(Global(name, self._lines[node.start_point.row].strip()))


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _child(node: Node, field: str) -> Node:
    child = node.child_by_field_name(field)
    assert child, f"{node.type} without {field}: {_text(node)}"
    return child


def _parameters(function: Node) -> list[str]:
    return [_text(name) for name in _child(function, "parameters").children_by_field_name("name")]
