"""`python ding/fresh_env.py > .env`: settings for this machine, with secrets that nobody else has."""

import base64
import secrets
import sys
from pathlib import Path


def fresh_env() -> str:
    """Text of an environment file for trying ding out; without Django, for it runs before anything else."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return f"""\
# Made for this machine; .env.example explains every variable. Keep it to yourself.
SECRET_KEY={secrets.token_urlsafe(50)}
ENCRYPTION_KEYS=k{secrets.token_hex(3)}:{key}
CALLBACK_KEY={secrets.token_urlsafe(32)}

# The simulated POS stands on this machine, without TLS. Remove both for a real one.
POS_ALLOWED_NETWORKS=127.0.0.0/8
POS_ALLOW_PLAIN_HTTP=true
LOG_FORMAT=console
LOG_LEVEL=WARNING
# E-mails are put into files here.
EMAIL_URL=filemail://{Path(__file__).resolve().parent.parent}/var/mail
"""


if __name__ == "__main__":
    sys.stdout.write(fresh_env())
