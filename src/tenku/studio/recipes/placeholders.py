"""Placeholders of a game's texts: what has to be in a translation exactly as it is in the source."""

import re
from collections import Counter

PLACEHOLDER = re.compile(
    r"""
      \{\{[^{}]*\}\}                                   # {{ handlebars }}
    | \{[^{}\s][^{}]*\}|\{\}                           # {player}, {0}, {count:d}, {}
    | %%                                               # a percent sign, as printf writes it
    | %\([\w.]+\)[-+\#0]*\d*(?:\.\d+)?[sdifuxXcr]      # %(name)s
    | %(?:\d+\$)?[-+\#0]*\d*(?:\.\d+)?(?:ll|l|h)?[sdifuxXc@]   # %s, %1$s, %.2f; %ds is 5s
    | \$\{[^{}]*\}                                     # ${name}
    | \$[A-Z][A-Z0-9_]*\$?                             # $PLAYER, $PLAYER$
    | </?[a-zA-Z][^<>]*>                               # <b>, </color>, <color=#f00>
    | \\[nrt]                                          # \n, written as two letters
    """,
    re.VERBOSE,
)
"""Those of printf, Python, .NET, Unity's and Godot's rich text, shells and Handlebars."""


def placeholders(text: str) -> list[str]:
    """Every placeholder in a text, in its order, as often as it stands there."""
    return [found[0] for found in PLACEHOLDER.finditer(text)]


def placeholder_fault(source: str, target: str) -> str:
    """What a translation did to the placeholders, as part of a sentence; empty where all survived. Order is free."""
    wanted, got = Counter(placeholders(source)), Counter(placeholders(target))
    missing, extra = wanted - got, got - wanted
    parts = [f"{' and '.join(missing.elements())} was lost"] if missing else []
    parts += [f"{' and '.join(extra.elements())} was added"] if extra else []
    return ", ".join(parts)


def keeping_pattern(source: str, *, most: int = 0) -> str:
    """A regular expression, anchored, for texts that have the source's placeholders in its order; `most`: letters
    of each stretch between them, about twice the source where 0. A grammar made of it leaves a model no other way.
    """
    found = placeholders(source)
    letters = most or 2 * len(source) + 20
    # Only what begins a placeholder is shut out between them: a translation needs all other letters.
    between = f'[^{{}}%<>$\\\\"]{{0,{letters}}}'
    return "^" + between + "".join(_literal(each) + between for each in found) + "$"


def _literal(text: str) -> str:
    return re.sub(r"([\\^$.|?*+()\[\]{}/])", r"\\\1", text)
