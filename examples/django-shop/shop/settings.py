"""Settings, all of them from the environment: the same image runs on a laptop and in AWS."""

import os
import ssl

import dj_database_url

DEBUG = os.environ.get("DEBUG") == "true"
SECRET_KEY = os.environ["SECRET_KEY"]
# Only CloudFront reaches the service, and nothing here builds an address from the request's own.
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
INSTALLED_APPS = ["catalog"]
# An API without cookies: no session that another site could use.
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# One connection for each worker of a copy, kept open: `connections` of the service says how many there may be.
DATABASES = {"default": dj_database_url.config(conn_max_age=60, conn_health_checks=True)}

CELERY_BROKER_URL = os.environ["REDIS_URL"]
if CELERY_BROKER_URL.startswith("rediss://"):
    CELERY_BROKER_USE_SSL = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
CELERY_TASK_IGNORE_RESULT = True
# A worker that is stopped in the middle of a task gives it back, so that tasks must bear being done twice.
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE = {"give-back": {"task": "catalog.tasks.give_back", "schedule": 300.0}}
