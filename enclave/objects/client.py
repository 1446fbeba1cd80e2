"""The S3 connection: made from settings, retried within bounds, its failures said in our own words."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import InvalidResponseError, S3Error, ServerError

from enclave.kernel.errors import Unavailable
from enclave.objects.errors import Forbidden, Missing
from enclave.settings import Settings

T = TypeVar("T")

#: Pauses before the second, third … try, in seconds: enough to sit out a restart of the embedded store.
PAUSES = (0.1, 0.3, 1.0, 2.0, 4.0)

_MISSING = {"NoSuchKey", "NoSuchVersion", "NoSuchBucket", "NoSuchObject"}
_PASSING = {"InternalError", "SlowDown", "ServiceUnavailable", "RequestTimeout", "OperationAborted"}
_CREDENTIALS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "ExpiredToken"}


def connect(settings: Settings, *, timeout: float = 60.0) -> Minio:
    """A client for `settings.objects_endpoint`, without retries of its own.

    Args:
        settings: endpoint, region and the product's own credentials.
        timeout: seconds for one reply to arrive; connecting may take at most 5 of them.
    """
    url = urlsplit(settings.objects_endpoint)
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=min(5.0, timeout), read=timeout), retries=False, maxsize=8
    )
    return Minio(
        url.netloc,
        access_key=settings.objects_access_key,
        secret_key=settings.objects_secret_key.get_secret_value(),
        secure=url.scheme == "https",
        region=settings.objects_region,
        http_client=pool,
    )


def answers(settings: Settings) -> bool:
    """Whether the store answers the product, now, within two seconds."""
    try:
        connect(settings, timeout=2.0).list_buckets()
    except (S3Error, ServerError, InvalidResponseError, urllib3.exceptions.HTTPError, OSError):
        return False
    return True


def translate(error: Exception, what: str) -> Exception:
    """The store's error as one of ours; `what` names the bucket and key, never content."""
    code = error.code if isinstance(error, S3Error) else ""
    if code in _MISSING:
        return Missing(f"There is no {what} in the object store.")
    if code in _CREDENTIALS:
        return Forbidden(
            f"The object store refuses {what} to the product ({code}). Check "
            "REGISTRY_ENCLAVE_OBJECTS_ACCESS_KEY and REGISTRY_ENCLAVE_OBJECTS_SECRET_KEY."
        )
    return Unavailable(
        f"The object store does not answer properly for {what}{f' ({code})' if code else ''}. Nothing was "
        "acknowledged. Check that it runs (logs/object-store.log in the state directory) and try again."
    )


def passing(error: Exception) -> bool:
    """Whether the same request may succeed a moment later."""
    return not isinstance(error, S3Error) or error.code in _PASSING


def patiently(what: str, request: Callable[[], T]) -> T:
    """Runs `request` again, at most `len(PAUSES)` times, while it fails for reasons that pass.

    Raises:
        Missing, Forbidden, Unavailable: instead of whatever the client raised.
    """
    for pause in (*PAUSES, None):
        try:
            return request()
        except (S3Error, ServerError, InvalidResponseError, urllib3.exceptions.HTTPError, OSError) as error:
            if pause is None or not passing(error):
                raise translate(error, what) from error
        time.sleep(pause)
    raise AssertionError  # the last round returns or raises
