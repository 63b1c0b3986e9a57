"""`tenku keys`: makes and shows the keys that sign what is published, and says offline which of them count."""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.base.convert import span, whole
from tenku.base.errors import UsageError
from tenku.cli.amounts import date_text
from tenku.cli.contents import STOPPED, add_flags, print_json, reading, settings_of

if TYPE_CHECKING:
    from tenku.content.delegation import Delegation
    from tenku.content.minisign import SecretKey

NEXT = """
Next: {public} goes to everybody who pulls, by a way that they trust. {secret} stays with you:
whoever has it can publish in your name, and nobody can make it again.

  tenku publish FOLDER GAME:CHANNEL --store URL --key {secret}
  tenku pull GAME:CHANNEL FOLDER --store URL --trust {public}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands of `tenku keys`."""
    subs = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)

    def add(name: str, summary: str) -> argparse.ArgumentParser:
        look = parser.formatter_class
        return subs.add_parser(name, help=summary, description=summary, formatter_class=look, allow_abbrev=False)

    new = add("new", "Make a pair of keys: NAME.key, secret, and NAME.pub, for everybody.")
    new.add_argument("name", metavar="NAME", help="Name of the two files.")
    new.add_argument("--folder", type=Path, default=Path(), help="Where they shall lie. Default: here.")
    new.add_argument("--no-password", action="store_true", help="A secret key that opens without a password.")
    new.add_argument("--force", action="store_true", help="Replace keys that are there already, for ever.")

    show = add("show", "Say what the file of a key is; never shows a secret.")
    show.add_argument("file", type=Path, metavar="FILE", help="A public or secret key, or a trust file.")

    trust = add("trust", "Say, signed by an offline root key, which keys may publish a game.")
    trust.add_argument("game", metavar="GAME", help="The game's name in the store.")
    trust.add_argument("--root", type=Path, required=True, metavar="KEY", help="The root's secret key.")
    trust.add_argument(
        "--sign", type=Path, required=True, action="append", metavar="PUB", help="A public key that may publish."
    )
    trust.add_argument("--version", metavar="N", help="Has to rise. Default: one more than in FILE.")
    trust.add_argument("--expires", default="730d", metavar="TIME", help="How long it holds. Default: 730d.")
    trust.add_argument("--out", type=Path, required=True, metavar="FILE", help="The file; an older one is replaced.")

    there = add("publish-trust", "Put a trust file into a store, where everybody who pulls finds it.")
    there.add_argument("file", type=Path, metavar="FILE", help="What `tenku keys trust` wrote.")
    there.add_argument("game", metavar="GAME", help="The game's name in the store.")
    there.add_argument(
        "--root", type=Path, required=True, metavar="PUB", help="The root's public key, which everybody trusts."
    )
    add_flags(there, "store")


def run(args: argparse.Namespace) -> int:
    """Run one sub-command."""
    return {"new": new, "show": show, "trust": trust, "publish-trust": publish_trust}[args.action](args)


def new(args: argparse.Namespace) -> int:
    """Make a pair of keys, and say what to do with them."""
    from tenku.cli.password import new_password
    from tenku.content import keyfiles

    secret, public = keyfiles.paths_of_pair(args.folder, args.name)
    if not args.force:
        keyfiles.check_new(secret, public)
    key = keyfiles.write_pair(secret, public, password=None if args.no_password else new_password(secret))
    print(f"Wrote {secret} and {public}: key {key}, as one word {key.line}")
    print(NEXT.format(secret=secret, public=public))
    return 0


def show(args: argparse.Namespace) -> int:
    """Print what a file is, and the id of its key."""
    from tenku.content import describe

    print("\n".join(describe.describe(args.file)))
    return 0


def trust(args: argparse.Namespace) -> int:
    """Write a trust file."""
    from tenku.content import head, keyfiles
    from tenku.content.delegation import encode_delegation, next_delegation
    from tenku.content.model import parse_game
    from tenku.content.wholefile import write_whole

    game = parse_game(args.game)
    version, lasts = _version(args.version), _lasts(args.expires)
    keys = [keyfiles.read_public(path) for path in args.sign]
    root = _root(args.root)
    before = _before(args.out, game, root)
    delegation = next_delegation(game, keys, before=before, version=version, now=int(time.time()), lasts=lasts)
    sealed = head.seal(encode_delegation(delegation), root, f"{game} trust version {delegation.version}")
    write_whole(args.out, sealed, mode=0o644)
    names = ", ".join(map(str, delegation.keys))
    print(f"Wrote {args.out}: version {delegation.version}, signed by root {root}; {names} may publish {game}.")
    return 0


def publish_trust(args: argparse.Namespace) -> int:
    """Store a trust file."""
    from tenku.cli.progress import terminal_bar
    from tenku.cli.signals import run_stoppable
    from tenku.content import keyfiles
    from tenku.content.model import parse_game

    game, root, sealed = parse_game(args.game), keyfiles.read_public(args.root), keyfiles.read_small(args.file)
    with terminal_bar(as_json=args.json) as bar:
        service = reading(replace(settings_of(args), trust=None), progress=bar)
        said, is_new = run_stoppable(service.publish_trust(game, sealed, root=root), stopped=STOPPED)
    names = [key.line for key in said.keys]
    if args.json:
        print_json({"game": game, "changed": is_new, "version": said.version, "expires": said.expires, "keys": names})
    else:
        print(
            f"{'Stored' if is_new else 'The store has'} version {said.version} of the trust file of {game}: "
            f"{', '.join(map(str, said.keys))} may publish it until {date_text(said.expires)}."
        )
    return 0


def _root(path: Path) -> "SecretKey":
    from tenku.cli.password import password_of
    from tenku.content import keyfiles

    return keyfiles.read_secret(path, lambda: password_of(path))


def _before(path: Path, game: str, root: "SecretKey") -> "Delegation | None":
    """The trust file that is to be replaced; any other file is not."""
    from tenku.content import head, keyfiles
    from tenku.content.delegation import decode_delegation

    if not path.exists():
        return None
    payload, _ = head.open_sealed(keyfiles.read_small(path), [root.public], where=str(path))
    return decode_delegation(payload, game)


def _version(text: str | None) -> int | None:
    try:
        return None if text is None else whole(text)
    except ValueError as error:
        raise UsageError(f"--version: {text!r} cannot be used: {error}.") from None


def _lasts(text: str) -> int:
    try:
        return span(text)
    except ValueError as error:
        raise UsageError(f"--expires: {text!r} cannot be used: {error}.") from None
