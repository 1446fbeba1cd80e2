"""The certificates by which the parts of the embedded object store know each other (mutual TLS)."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFE = timedelta(days=3650)
_RENEW = timedelta(days=365)
_NAMES = ("ca.crt", "peer.crt", "peer.key")


def write_private(path: Path, content: bytes | str) -> Path:
    """Writes a file that only its owner can read, by atomic rename."""
    data = content.encode() if isinstance(content, str) else content
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    return part.replace(path)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    now = datetime.now(UTC)
    authority = subject == issuer
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIFE)
        .add_extension(
            x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True
        )
    )
    if not authority:
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False).add_extension(
            names, False
        )
    return builder.sign(signer, SHA256())


def ensure(folder: Path) -> tuple[Path, Path, Path]:
    """The authority's certificate, the peers' certificate and its key, made when absent or near their end.

    The authority's private key is thrown away as soon as it has signed: nobody can add a peer later.

    Args:
        folder: where the three files are kept; made with mode 0700.

    Returns:
        Paths of the authority's certificate, the peers' certificate and the peers' private key (mode 0600).
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority_path, peer_path, key_path = (folder / name for name in _NAMES)
    if all(path.exists() for path in (authority_path, peer_path, key_path)):
        ends = x509.load_pem_x509_certificate(peer_path.read_bytes()).not_valid_after_utc
        if ends - datetime.now(UTC) > _RENEW:
            return authority_path, peer_path, key_path
    authority_key, peer_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("object store", authority_key, "object store", authority_key)
    peer = _certificate("object store peer", peer_key, "object store", authority_key)
    write_private(authority_path, authority.public_bytes(Encoding.PEM))
    write_private(peer_path, peer.public_bytes(Encoding.PEM))
    write_private(key_path, peer_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return authority_path, peer_path, key_path
