"""`tenku sets`: asset sets: look, approve, reject, vary, make anew, export, publish."""

import argparse
from typing import TYPE_CHECKING, Any

from tenku.base.errors import UsageError
from tenku.cli import sets_out
from tenku.cli.amounts import count_text, date_text
from tenku.cli.studio import add_flags, print_json, table, whole, workshop

if TYPE_CHECKING:
    from tenku.studio.sets.model import AssetSet, Place, SetRow
    from tenku.workshop import Workshop

ACTIONS = {
    "show": "List the places of a set, with the path of each picture.",
    "approve": "Say that places are good; they go into the game.",
    "reject": "Say that places need something else; they keep their rows.",
    "reopen": "Take verdicts back.",
    "vary": "Make other takes of one place, beside the one that is there.",
    "remake": "Make every rejected place anew.",
    "export": "Write what is approved into a folder, with sheet and import files.",
    "publish": "Publish what is approved to a channel.",
    "forget": "Forget a set; files stay.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku sets`, and its sub-commands."""
    parser.usage = "tenku sets [show NAME | approve NAME ROW… | reject NAME ROW… | vary NAME ROW | … ] [--json]"
    parser.add_argument("--limit", default="100", metavar="N", help="The newest so many. Default: 100.")
    add_flags(parser)
    subs = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    for name, summary in ACTIONS.items():
        look = parser.formatter_class
        sub = subs.add_parser(name, help=summary, description=summary, formatter_class=look, allow_abbrev=False)
        sub.add_argument("name", metavar="NAME", help="The set.")
        if name in ("approve", "reject", "reopen", "vary"):
            one = name == "vary"
            sub.add_argument(
                "rows",
                nargs=1 if one else "+",
                metavar="ROW",
                help="The place's number or name, as show lists them" + ("." if one else ", or all."),
            )
        sets_out.add_own_flags(sub, name)


def run(args: argparse.Namespace) -> int:
    """Do one of them."""
    with workshop(args) as shop:
        match args.action:
            case None:
                return list_all(args, shop)
            case "show":
                return show(args, shop)
            case "approve" | "reject" | "reopen":
                return judge(args, shop)
            case "vary" | "remake":
                return sets_out.make_takes(args, shop, rows_of(args, shop.sets.get(args.name)))
            case "export":
                return sets_out.export(args, shop)
            case "publish":
                return sets_out.publish(args, shop)
        shop.sets.forget(args.name)
    if args.json:
        print_json({"forgotten": args.name})
    else:
        print(f"Forgot the set {args.name}. Its files are where they were.")
    return 0


def list_all(args: argparse.Namespace, shop: "Workshop") -> int:
    """List all sets."""
    found = shop.sets.list(limit=whole("--limit", args.limit, low=1, high=100_000))
    if args.json:
        print_json({"sets": [row_json(each) for each in found]})
    elif found:
        head = ("SET", "STYLE", "PLACES", "APPROVED", "REJECTED", "OPEN", "AT WORK", "CHANGED")
        print(table(head, [line(each) for each in found]))
    else:
        print("There are no sets. `tenku make image … --count 4` makes one.")
    return 0


def show(args: argparse.Namespace, shop: "Workshop") -> int:
    """List the places of one set."""
    found = shop.sets.get(args.name)
    if args.json:
        print_json(set_json(found, shop))
        return 0
    style = f", style {found.style}" if found.style else ""
    print(f"{found.name}: {count_text(len(found.places), 'place')}{style}\n")
    lines = [
        (str(place.row), place.name, state_text(place), take_text(place), file_of(place, shop))
        for place in found.places
    ]
    print(table(("ROW", "NAME", "STATE", "TAKE", "FILE"), lines))
    return 0


def judge(args: argparse.Namespace, shop: "Workshop") -> int:
    """Approve, reject or reopen, and bring the set's own folder up to date."""
    rows = rows_of(args, shop.sets.get(args.name))
    match args.action:
        case "approve":
            take = whole("--take", args.take, low=1, high=1_000_000) if args.take else 0
            found = shop.sets.approve(args.name, rows, take=take)
        case "reject":
            found = shop.sets.reject(args.name, rows)
        case _:
            found = shop.sets.reopen(args.name, rows)
    sets_out.refresh(shop, found)
    if args.json:
        print_json(set_json(found, shop))
        return 0
    word = {"approve": "Approved", "reject": "Rejected", "reopen": "Reopened"}[args.action]
    print(f"{word} {count_text(len(rows), 'place')} of {found.name}: {sum_text(found)}.")
    return 0


def rows_of(args: argparse.Namespace, found: "AssetSet") -> list[int]:
    """The rows that were named by number, name or `all`. Raises UsageError."""
    by_name = {each.name: each.row for each in found.places}
    known = {each.row for each in found.places}
    rows: list[int] = []
    for text in getattr(args, "rows", []):
        if text == "all":
            rows += [each.row for each in found.places if each.shown is not None]
        elif text in by_name:
            rows.append(by_name[text])
        elif text.isascii() and text.isdecimal() and int(text) in known:
            rows.append(int(text))
        else:
            raise UsageError(f"{found.name} has no place {text[:80]!r}.", hint=f"tenku sets show {found.name}")
    return list(dict.fromkeys(rows))


def line(row: "SetRow") -> tuple[str, ...]:
    """A set as a row of the table."""
    counts = [str(row.counts[verdict]) for verdict in sorted(row.counts, key=lambda each: ORDER.index(each.value))]
    return (row.name, row.style, str(row.places), *counts, str(row.unended), date_text(int(row.changed)))


ORDER = ("approved", "rejected", "open")


def state_text(place: "Place") -> str:
    """The verdict, or how far the job is."""
    shown = place.shown
    if place.verdict.value != "open" or shown is None:
        return place.verdict.value if shown else "not made"
    return shown.state.value if shown.state.value != "done" else "open"


def take_text(place: "Place") -> str:
    """`2 of 3`: which take is shown."""
    return f"{place.shown.number} of {len(place.takes)}" if place.shown else ""


def file_of(place: "Place", shop: "Workshop") -> str:
    """The path of the main file of the take that is shown, or why there is none."""
    shown = place.shown
    if shown is None or not shown.outputs:
        return shown.error if shown else ""
    return str(shop.results.path(shown.job, shown.outputs[0].name))


def sum_text(found: "AssetSet") -> str:
    """`3 approved, 1 rejected, 12 open`."""
    states = [place.verdict.value for place in found.places]
    return ", ".join(f"{states.count(each)} {each}" for each in ORDER if each in states)


def row_json(row: "SetRow") -> dict[str, Any]:
    """A set in a list as plain data."""
    counts = {verdict.value: count for verdict, count in row.counts.items()}
    return {
        "name": row.name,
        "style": row.style,
        "team": row.team,
        "places": row.places,
        **counts,
        "unended": row.unended,
        "created": row.created,
        "changed": row.changed,
    }


def set_json(found: "AssetSet", shop: "Workshop") -> dict[str, Any]:
    """A set as plain data."""
    return {
        "name": found.name,
        "style": found.style,
        "folder": found.folder,
        "finish": dict(found.finish),
        "places": [
            {
                "row": place.row,
                "name": place.name,
                "verdict": place.verdict.value,
                "chosen": place.chosen,
                "style": place.style,
                "file": file_of(place, shop) if place.shown and place.shown.outputs else "",
                "takes": [
                    {
                        "number": take.number,
                        "job": take.job,
                        "state": take.state.value,
                        "seed": take.spec.seed,
                        "prompt": take.spec.prompt,
                        "error": take.error,
                    }
                    for take in place.takes
                ],
            }
            for place in found.places
        ],
    }
