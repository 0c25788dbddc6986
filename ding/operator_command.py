"""Commands for operators and their scripts: three exit codes with one meaning everywhere.

0: done, all is well. 1: something needs a person; the output says what. 2: it could not be done or told: a wrong
argument, nothing of that name, no database.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from ding import audit
from ding.errors import DomainError

NEEDS_A_PERSON = 1
CANNOT_TELL = 2
EXIT_CODES = (
    "Exit codes: 0 all is well; 1 something needs a person, the output says what; 2 it could not be done or told"
    " (a wrong argument, nothing of that name, no database)."
)


class OperatorCommand(BaseCommand):
    """What it does is recorded in the audit trail as done by `command:<its name>`."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """With the exit codes under its help."""
        self.name = subcommand
        return super().create_parser(prog_name, subcommand, epilog=EXIT_CODES, **kwargs)

    def execute(self, *args: Any, **options: Any) -> Any:
        """Turn refusals and a missing database into words and code 2."""
        try:
            with audit.acting_as(f"command:{self.name}"):
                return super().execute(*args, **options)
        except DomainError as error:
            raise CommandError(error.message, returncode=CANNOT_TELL) from error
        except (OperationalError, InterfaceError) as error:
            raise CommandError(
                f"The database does not answer ({type(error).__name__}).", returncode=CANNOT_TELL
            ) from error

    def needs_a_person(self, what: str) -> CommandError:
        """To be raised at the end: everything that could be done is done."""
        return CommandError(what, returncode=NEEDS_A_PERSON)

    def refusal(self, why: str) -> CommandError:
        """To be raised before anything was done."""
        return CommandError(why, returncode=CANNOT_TELL)
