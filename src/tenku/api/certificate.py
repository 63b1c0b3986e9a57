"""A certificate for this machine, so that browsers on the network get the secure page that WebCodecs wants."""

import datetime
import ipaddress
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS = 365
RENEW_DAYS = 30


def ensure_certificate(folder: Path, *, names: Iterable[str], now: datetime.datetime) -> tuple[Path, Path]:
    """(certificate, key) files in `folder`, made anew where they are missing, nearly over, or lack one of `names`.

    The same certificate is used as long as it holds, so that a browser that trusted it once asks no more.
    """
    cert, key = folder / "cert.pem", folder / "key.pem"
    wanted = list(dict.fromkeys(names))
    if not (cert.is_file() and key.is_file() and _still_good(cert, wanted, now)):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        chain, secret = make_certificate(wanted, now=now)
        key.touch(mode=0o600)
        key.write_bytes(secret)
        cert.write_bytes(chain)
    return cert, key


def make_certificate(names: list[str], *, now: datetime.datetime) -> tuple[bytes, bytes]:
    """A self-signed certificate for these host names and addresses, and its private key, both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # The other machine's clock may run behind.
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), secret


def _still_good(cert: Path, names: list[str], now: datetime.datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(cert.read_bytes())
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    held = {str(each.value) for each in alternatives}
    fresh = certificate.not_valid_after_utc - now > datetime.timedelta(days=RENEW_DAYS)
    return fresh and set(names) <= held


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
