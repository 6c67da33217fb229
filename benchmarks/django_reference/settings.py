"""Settings of the reference, as fast as the classic way goes.

No sessions, no CSRF, no browsable API, no debug; connections to PostgreSQL stay open; what is left is what a JSON API
with a key per request needs.
"""

import os

SECRET_KEY = "for measuring on loopback only"  # noqa: S105  signs nothing: no sessions, no cookies
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
WSGI_APPLICATION = "wsgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
APPEND_SLASH = True

INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "classic"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": os.environ["REFERENCE_DATABASE_PORT"],
        "NAME": os.environ["REFERENCE_DATABASE_NAME"],
        "USER": os.environ["REFERENCE_DATABASE_USER"],
        "CONN_MAX_AGE": None,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["classic.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 50,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}
