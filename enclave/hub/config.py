"""How JupyterHub is set up here: reachable by sockets only, everything that decides is elsewhere."""

from __future__ import annotations

import os
import shutil
from typing import Any
from urllib.parse import urlsplit

from oauthenticator.generic import GenericOAuthenticator

from enclave.hub import cgroups
from enclave.hub.authority import entitlement_authority
from enclave.hub.gateway.control import GatewayControl
from enclave.hub.library import copy_library
from enclave.hub.paths import HubPaths, hub_paths, socket_url
from enclave.hub.questions.door import QUESTIONS_TOKEN
from enclave.hub.spawner import EnclaveSpawner
from enclave.kernel.derived import derived_secret
from enclave.settings import Settings

#: The portal's OAuth client of the hub; its secret is derived from the master key for this purpose.
OAUTH_CLIENT = "hub"
OAUTH_SECRET = "hub-oauth-client"  # noqa: S105 - the name of a purpose, not a secret
PORTAL_TOKEN = "hub-portal-service"  # noqa: S105
GATEWAY_TOKEN = "hub-gateway"  # noqa: S105

#: A researcher at the hub: find and start their own workspaces. The stock role could also make API tokens.
_RESEARCHER = ["access:servers!user", "read:users!user", "read:servers!user", "start:servers!user"]
#: The portal: open and end anybody's session, also of somebody who never signed in to the hub.
_PORTAL = ["admin:servers", "admin:users", "list:users", "read:users"]


def configure(c: Any, settings: Settings) -> None:
    """Fills JupyterHub's configuration and readies the spawner.

    Args:
        c: the configuration object that JupyterHub hands to its file.
        settings: the installation's.
    """
    paths = hub_paths(settings)
    master = settings.master_key.get_secret_value()
    _hub(c, settings, paths, master)
    _sign_in(c, settings, master)
    _sessions(c, settings, paths, master)
    c.JupyterHub.services = [{"name": "portal", "api_token": derived_secret(master, PORTAL_TOKEN)}]
    c.JupyterHub.load_roles = [
        {"name": "portal", "services": ["portal"], "scopes": _PORTAL},
        {"name": "user", "scopes": _RESEARCHER},
    ]


def _hub(c: Any, settings: Settings, paths: HubPaths, master: str) -> None:
    paths.hub_socket.unlink(missing_ok=True)
    hub = c.JupyterHub
    hub.hub_bind_url = hub.hub_connect_url = socket_url(paths.hub_socket)
    hub.hub_socket_mode = 0o600
    hub.bind_url = f"http://127.0.0.1:{settings.gateway_port}"
    hub.public_url = settings.gateway_url.rstrip("/") + "/"
    hub.proxy_class = "configurable-http-proxy"
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = socket_url(paths.gateway_socket)
    c.ConfigurableHTTPProxy.auth_token = derived_secret(master, GATEWAY_TOKEN)
    hub.db_url = f"sqlite:///{paths.state / 'jupyterhub.sqlite'}"
    hub.cookie_secret = bytes.fromhex(derived_secret(master, "hub-cookies"))
    hub.pid_file = str(paths.run / "hub.pid")
    hub.log_level = settings.log_level
    hub.allow_named_servers = True
    hub.cleanup_servers = True
    hub.concurrent_spawn_limit = 8
    hub.authenticate_prometheus = True
    portal = urlsplit(settings.public_url)
    hub.tornado_settings = {
        "headers": {"Content-Security-Policy": f"frame-ancestors 'self' {portal.scheme}://{portal.netloc}"},
        "cookie_options": {"secure": True} if settings.cookie_secure else {},
    }


def _sign_in(c: Any, settings: Settings, master: str) -> None:
    public = settings.public_url.rstrip("/")
    # Asked from this machine to this machine: the portal's public name need not be reachable from here.
    portal = f"http://127.0.0.1:{settings.portal_port}"
    c.JupyterHub.authenticator_class = GenericOAuthenticator
    oauth = c.GenericOAuthenticator
    oauth.client_id = OAUTH_CLIENT
    oauth.client_secret = derived_secret(master, OAUTH_SECRET)
    oauth.oauth_callback_url = settings.gateway_url.rstrip("/") + "/hub/oauth_callback"
    oauth.authorize_url = f"{public}/oauth/authorize"
    oauth.token_url = f"{portal}/oauth/token"
    oauth.userdata_url = f"{portal}/oauth/userinfo"
    oauth.logout_redirect_url = public
    oauth.enable_pkce = True
    oauth.scope = ["openid"]
    oauth.username_claim = "sub"
    oauth.manage_groups = True
    oauth.auth_state_groups_key = "oauth_user.groups"
    oauth.auto_login = True
    oauth.enable_auth_state = True
    oauth.auth_refresh_age = 60
    # The authority is asked at every start; asking the portal too would refuse who never signed in here.
    oauth.refresh_pre_spawn = False
    oauth.allow_all = True  # the portal decides who has an account, the authority who may open what
    oauth.allow_existing_users = True
    c.CryptKeeper.keys = [bytes.fromhex(derived_secret(master, "hub-auth-state"))]


def _sessions(c: Any, settings: Settings, paths: HubPaths, master: str) -> None:
    for leftover in (*paths.run.glob("*.in"), *paths.run.glob("*.out"), *paths.run.glob("*.ask")):
        leftover.unlink(missing_ok=True)
    shutil.rmtree(paths.logs, ignore_errors=True)
    paths.logs.mkdir(mode=0o700)
    copy_library(paths.library)
    EnclaveSpawner.settings = settings
    EnclaveSpawner.paths = paths
    EnclaveSpawner.authority = entitlement_authority(settings)
    EnclaveSpawner.gateway = GatewayControl(paths.gateway_socket, derived_secret(master, GATEWAY_TOKEN))
    EnclaveSpawner.questions_token = derived_secret(master, QUESTIONS_TOKEN)
    EnclaveSpawner.groups = cgroups.detect()
    cgroups.sweep(EnclaveSpawner.groups)
    c.JupyterHub.spawner_class = _on_a_cluster() if "POD_IP" in os.environ else EnclaveSpawner
    c.EnclaveSpawner.poll_interval = settings.poll_seconds
    c.EnclaveSpawner.start_timeout = 300  # the first start of a project also fetches its data
    c.EnclaveSpawner.http_timeout = 120


def _on_a_cluster() -> type[EnclaveSpawner]:
    """The spawner of pods; `POD_IP` is set by the house's own manifest and by nobody else."""
    from enclave.hub.kubernetes import names  # noqa: PLC0415 - a machine has no KubeSpawner
    from enclave.hub.kubernetes.carriage import Carriage  # noqa: PLC0415
    from enclave.hub.kubernetes.spawner import ClusterSpawner  # noqa: PLC0415

    ClusterSpawner.carriage = Carriage(os.environ["POD_IP"], names.FACADE_PORT, names.SESSION_PORT)
    return ClusterSpawner
