"""The object store seen through plain boto3, as an auditor would look at it."""

from __future__ import annotations

from typing import Any

from enclave.settings import Settings


def s3(settings: Settings, credentials: dict[str, str] | None = None) -> Any:
    """A client of the store: the product's own keys, or somebody's temporary credentials."""
    import boto3  # noqa: PLC0415 - only the story and the tests need it
    from botocore.config import Config  # noqa: PLC0415

    return boto3.client(
        "s3",
        endpoint_url=settings.objects_endpoint,
        region_name=settings.objects_region,
        aws_access_key_id=credentials["access_key"] if credentials else settings.objects_access_key,
        aws_secret_access_key=credentials["secret_key"]
        if credentials
        else settings.objects_secret_key.get_secret_value(),
        aws_session_token=credentials["session_token"] if credentials else None,
        config=Config(retries={"max_attempts": 3}, s3={"addressing_style": "path"}),
    )
