"""A key per request, looked up in the database each time."""

from classic.models import Pharmacy
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request


class ApiKeyAuthentication(BaseAuthentication):
    """`X-API-KEY` names the pharmacy that asks."""

    def authenticate(self, request: Request) -> tuple[Pharmacy, None] | None:
        """Find the active pharmacy of the key.

        Raises:
            AuthenticationFailed: the key is nobody's.
        """
        key = request.headers.get("X-API-KEY")
        if not key:
            return None
        try:
            return Pharmacy.objects.get(api_key=key, is_active=True), None
        except Pharmacy.DoesNotExist:
            message = "wrong key"
            raise AuthenticationFailed(message) from None

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002  the framework's signature
        """Name the scheme, so that a missing key is a 401."""
        return "X-API-KEY"
