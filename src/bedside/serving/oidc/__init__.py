"""Log-in through an OpenID Connect provider: authorization code flow with PKCE (OpenID Connect Core 1.0, RFC 7636)."""

from bedside.serving.oidc.flow import SignOn
from bedside.serving.oidc.provider import Provider, read_provider

__all__ = ["Provider", "SignOn", "read_provider"]
