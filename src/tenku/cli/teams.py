"""`tenku teams`: what teams use of the devices, and what they may use."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from tenku.base.convert import number
from tenku.base.errors import UsageError
from tenku.cli.amounts import seconds_text
from tenku.cli.studio import add_flags, print_json, table, workshop

if TYPE_CHECKING:
    from tenku.control.jobs.teams import TeamUse

USUAL = "usual"
MOST = 1e9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku teams`, and its sub-command."""
    parser.usage = "tenku teams [budget TEAM SECONDS] [--json]"
    add_flags(parser)
    subs = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    summary = "Say how many device-seconds a team may use in 30 days."
    sub = subs.add_parser(
        "budget", help=summary, description=summary, formatter_class=parser.formatter_class, allow_abbrev=False
    )
    sub.add_argument("team", metavar="TEAM", help="The team's name, like art.")
    sub.add_argument("seconds", metavar="SECONDS", help=f"Device-seconds; {USUAL}: what control.budget_s says.")
    add_flags(sub)


def run(args: argparse.Namespace) -> int:
    """List the teams, or set a budget."""
    with workshop(args) as shop:
        if args.action == "budget":
            shop.teams.set_budget(args.team, _budget(args.seconds))
        teams = [team for team in shop.teams.list() if args.action != "budget" or team.name == args.team]
    if args.json:
        print_json({"teams": [asdict(team) for team in teams]})
    elif teams:
        print(table(("TEAM", "USED IN 30 DAYS", "BUDGET", "AT WORK", "QUEUED"), [_row(team) for team in teams]))
    else:
        print("No team has had a job yet.")
    return 0


def _budget(text: str) -> float | None:
    if text == USUAL:
        return None
    try:
        seconds = number(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MOST:
        raise UsageError(f"SECONDS: {text!r} cannot be used: it is a number from 0 to {MOST:.0f}, or `{USUAL}`.")
    return seconds


def _row(team: "TeamUse") -> tuple[str, ...]:
    budget = "no limit" if team.budget_s is None else seconds_text(team.budget_s)
    return (team.name, seconds_text(team.used_s), budget, str(team.running), str(team.queued))
