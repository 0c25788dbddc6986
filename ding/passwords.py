"""How staff's passwords are kept."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id with the memory that OWASP recommends, 19 MiB.

    Django's own 100 MB are taken for each log-in that is being checked: eight at once would be 800 MB of a process
    that needs 100. A password kept with other figures is kept with these from its next log-in on.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
