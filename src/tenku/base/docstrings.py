"""The docstrings that stand below the fields of a class; Python keeps those of classes only.

Help texts and the tables in `docs/` are made from them, so that a field is described once, where it is defined.
"""

import ast
import inspect
import textwrap


def field_docs(kind: type) -> dict[str, str]:
    """What is written below each field of `kind` and its bases, by name; a field without text is not in it."""
    docs: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if each.__module__ not in ("builtins", "enum"):
            docs |= _own_docs(each)
    return docs


def _own_docs(kind: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(kind))
    except (OSError, TypeError):  # made at run time: there is no text to read
        return {}
    definition = ast.parse(source).body[0]
    if not isinstance(definition, ast.ClassDef):
        return {}
    docs: dict[str, str] = {}
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        name, text = _field_name(field), _text(below)
        if name and text:
            docs[name] = text
    return docs


def _field_name(node: ast.stmt) -> str:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return ""


def _text(node: ast.stmt) -> str:
    """The text of a bare string, as one line."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(node.value.value.split())
    return ""
