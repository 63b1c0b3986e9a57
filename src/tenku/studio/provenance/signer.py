"""Signs what was made: claim and signature are written into the file itself (C2PA), where its format has room.

Its libraries are loaded for the first file: a worker that makes texts never needs them.
"""

import datetime
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenku.base.errors import StudioError
from tenku.studio.model import Output
from tenku.studio.provenance.claim import claim

if TYPE_CHECKING:
    from tenku.studio.provenance.identity import Identity

FORMATS = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif", "video/mp4", "audio/wav", "audio/mpeg"})
"""Files that C2PA can be written into; others have their sidecar alone.

FLAC is none of them: what is written before its first byte keeps players from knowing it.
"""
_SETTINGS = {"builder": {"thumbnail": {"enabled": False}}}
"""A thumbnail would be larger than many a sprite."""


class Signer:
    """Signs files with one identity.

    Args:
        identity: asked for when the first file is signed.
    """

    def __init__(self, identity: "Callable[[], Identity]") -> None:
        self._identity = identity
        self._known: Identity | None = None

    def sign(self, output: Output, provenance: Mapping[str, Any], *, then: Sequence[str] = ()) -> Output:
        """The output with its claim in it; untouched where its format has no room for one. Raises StudioError."""
        if output.media_type not in FORMATS:
            return output
        import c2pa

        text = claim(output.name, output.media_type, provenance, then=then)
        signed = io.BytesIO()
        try:
            with (
                c2pa.Context.from_dict(_SETTINGS) as context,
                c2pa.Signer.from_info(self._info()) as signer,
                c2pa.Builder(text, context) as builder,
            ):
                builder.sign(signer, output.media_type, io.BytesIO(output.data), signed)
        except c2pa.C2paError as error:
            raise StudioError(f"{output.name} cannot be signed: {error}", hint="Its sidecar says the same.") from error
        return replace(output, data=signed.getvalue())

    def _info(self) -> Any:
        import c2pa

        if self._known is None:
            self._known = self._identity()
        return c2pa.C2paSignerInfo(
            alg=c2pa.C2paSigningAlg.ES256, sign_cert=self._known.chain, private_key=self._known.key, ta_url=None
        )


def own_signer(folder: Path) -> Signer:
    """Signs with the identity below the studio's folder. The machine's name stays out of it: games are shipped."""

    def own() -> "Identity":
        from tenku.studio.provenance.identity import identity

        return identity(folder / "identity", name="Tenku", now=datetime.datetime.now(datetime.UTC))

    return Signer(own)


def read_claim(data: bytes, media_type: str) -> Mapping[str, Any] | None:
    """What a file says of itself: the active manifest, with `valid` beside it; None: nothing.

    `valid`: the file is as it was when it was signed. That its signer is who they say is another question.

    Raises:
        StudioError: its claim cannot be read.
    """
    if media_type not in FORMATS:
        return None
    import c2pa

    try:
        with c2pa.Reader(media_type, io.BytesIO(data)) as reader:
            whole = json.loads(reader.json())
            valid = reader.get_validation_state() in ("Valid", "Trusted")
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        raise StudioError(f"What the file says of itself cannot be read: {error}") from error
    return {**whole["manifests"][whole["active_manifest"]], "valid": valid}
