"""Who signs what is made here: a key of this machine, and its certificate from an authority of its own.

C2PA forbids a certificate that signed itself, so there are two: an authority, whose key is thrown away at once, and the
signer. Nobody else trusts them: a reader sees that the file is unchanged since, and by whom it says it was made. A
studio with a certificate that others trust puts it and its key in place of these files.
"""

import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tenku.base.errors import FolderError, StudioError
from tenku.content.wholefile import write_whole

CHAIN = "chain.pem"
KEY = "key.pem"
VALID = datetime.timedelta(days=3650)
_SIGNS = {"digital_signature": True}
_CERTIFIES = {"key_cert_sign": True, "crl_sign": True}
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True)
class Identity:
    """A key for ES256 and the certificates that name its owner, the owner's first. Both as PEM."""

    key: bytes
    chain: bytes

    def __repr__(self) -> str:
        """Without the key: it would stand in logs."""
        return "Identity(…)"


def identity(folder: Path, *, name: str, now: datetime.datetime) -> Identity:
    """The identity that lies in a folder, made at the first call.

    Args:
        name: of this machine or studio, as readers of files see it.

    Raises:
        StudioError: the folder cannot be read or written.
    """
    try:
        if not (folder / KEY).exists():
            _write(folder, _made(name, now))
        return Identity((folder / KEY).read_bytes(), (folder / CHAIN).read_bytes())
    except (OSError, FolderError) as error:
        raise StudioError(
            f"The key that signs assets in {folder} cannot be used: {error}.",
            hint="Whose folder is it, and is there room?",
        ) from error


def _write(folder: Path, made: Identity) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(folder / CHAIN, made.chain, mode=0o600)
    write_whole(folder / KEY, made.key, mode=0o600)  # the last: with it the pair is there


def _made(name: str, now: datetime.datetime) -> Identity:
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name, own_name = _name(name, "Tenku authority"), _name(name, "Tenku")
    authority = (
        _certificate(authority_name, authority_name, authority_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(**_CERTIFIES), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    own = (
        _certificate(own_name, authority_name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(**_SIGNS), critical=True)
        # One of the few purposes that C2PA takes.
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Identity(private, own.public_bytes(pem) + authority.public_bytes(pem))


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))  # clocks of machines that share the folder differ
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(organisation: str, common: str) -> x509.Name:
    attributes = ((NameOID.ORGANIZATION_NAME, organisation[:64] or "Tenku"), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in attributes])


def _usage(**wanted: bool) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: wanted.get(usage, False) for usage in _USAGES})
