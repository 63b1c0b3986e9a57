"""`tenku tokens`: who may use the API."""

import argparse
import datetime
import json
import time

from tenku.cli.areas import load_settings
from tenku.cli.flags import add_setting_flags
from tenku.control.serving import ServeSettings
from tenku.control.tokens import Tokens

FLAGS = ("token_file",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands of `tenku tokens`."""
    subs = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    for name, summary in (
        ("new", "Make a token, and print it: this is the only time that it is shown."),
        ("list", "List the tokens by name."),
        ("revoke", "Make a token good no more, at once."),
    ):
        sub = subs.add_parser(
            name, help=summary, description=summary, formatter_class=parser.formatter_class, allow_abbrev=False
        )
        if name != "list":
            sub.add_argument("name", metavar="NAME", help="Whose it is, like ci or anna.")
        if name == "new":
            sub.add_argument(
                "--team", default="", metavar="TEAM", help="Jobs that are handed in with it are this team's."
            )
        add_setting_flags(sub, ServeSettings, names=FLAGS)
        sub.add_argument("--json", action="store_true", help="Print JSON.")


def run(args: argparse.Namespace) -> int:
    """Do one of them; 0."""
    tokens = Tokens(load_settings(ServeSettings, args, names=FLAGS).token_file)
    match args.action:
        case "new":
            token = tokens.new(args.name, now=time.time(), team=args.team).reveal()
            said = {"name": args.name, "token": token, "team": args.team}
            print(json.dumps(said) if args.json else token)
        case "revoke":
            tokens.revoke(args.name)
            print(json.dumps({"name": args.name}) if args.json else f"{args.name} is revoked.")
        case _:
            _list(tokens, as_json=args.json)
    return 0


def _list(tokens: Tokens, *, as_json: bool) -> None:
    known = tokens.list()
    if as_json:
        print(json.dumps([{"name": each.name, "made": each.made, "team": each.team} for each in known]))
        return
    for each in known:
        made = datetime.datetime.fromtimestamp(each.made, datetime.UTC)
        print(f"{made:%Y-%m-%d %H:%M} UTC  {each.name}{f', team {each.team}' if each.team else ''}")
