"""Switches: what an outlet has switched off by hand, and until when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

# PetPooja tells times as the clock in the restaurant shows them, without an offset.
TIMEZONE = ZoneInfo("Asia/Kolkata")
END_OF_DAY = "endofday"
STOCK_TIME = "%Y-%m-%d %H:%M"
STORE_TIME = "%Y-%m-%d %H:%M:%S"


@dataclass(slots=True)
class Switches:
    """The store's and the stock's. Nothing needs to be told when a time has come: both sides know it."""

    is_open: bool = True
    opens_at: dt.datetime | None = None
    reason: str = ""
    _off: dict[tuple[bool, str], dt.datetime | None] = field(default_factory=dict)

    def set_stock(self, ids: Iterable[str], in_stock: bool, *, addons: bool, until: str | None) -> None:
        """Switch items, variations or add-ons. ValueError when `until` is no time."""
        again = read_until(until, dt.datetime.now(TIMEZONE))
        for one in ids:
            if in_stock:
                self._off.pop((addons, one), None)
            else:
                self._off[addons, one] = again

    def set_store(self, is_open: bool, opens_at: str, reason: str) -> None:
        """Open or close the store. ValueError when `opens_at` is no time."""
        self.opens_at = None if is_open else _read_time(opens_at, STORE_TIME)
        self.is_open, self.reason = is_open, "" if is_open else reason

    def has(self, one: str, *, addon: bool = False) -> bool:
        """Whether that item, variation or add-on can be sold now."""
        return (addon, one) not in self._off or _is_over(self._off[addon, one])

    def back_at(self, one: str, *, addon: bool = False) -> str:
        """When it will be back, as the restaurant's clock shows it; empty when nobody said."""
        again = self._off.get((addon, one))
        return again.strftime(STOCK_TIME) if again else ""

    def store(self) -> dict[str, object]:
        """For the page."""
        is_open = self.is_open or _is_over(self.opens_at)
        back = "" if is_open or not self.opens_at else self.opens_at.strftime(STORE_TIME)
        return {"open": is_open, "turn_on_time": back, "reason": "" if is_open else self.reason}


def read_until(until: str | None, now: dt.datetime) -> dt.datetime | None:
    """The moment that `until` names: a time, or the end of the day. ValueError when it is neither."""
    if until == END_OF_DAY:
        return dt.datetime.combine(now.date() + dt.timedelta(days=1), dt.time(), TIMEZONE)
    return _read_time(until or "", STOCK_TIME)


def _read_time(written: str, form: str) -> dt.datetime | None:
    if not written:
        return None
    try:
        return dt.datetime.strptime(written, form).replace(tzinfo=TIMEZONE)
    except ValueError:
        example = dt.datetime(2026, 1, 16, 11, tzinfo=TIMEZONE).strftime(form)
        raise ValueError(f"{written!r} is no time such as {example!r}.") from None


def _is_over(moment: dt.datetime | None) -> bool:
    return moment is not None and moment <= dt.datetime.now(TIMEZONE)
