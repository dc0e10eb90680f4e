"""Expectations of timeliness: how old the newest delivery may be."""

# ruff: noqa: S608  (identifiers and values are quoted by statloom.quality.sql; conditions are the suites' own)

from typing import ClassVar

from statloom.quality.expectations.base import RelationExpectation


class ExpectDeliveryToBeFresh(RelationExpectation):
    """The delivery judged was fetched at most so many days ago.

    Parameter ``maximum_age_days``.
    """

    maximum_age_days: float

    counted: ClassVar[str] = "deliveries"

    def relation(self) -> str:
        """Return the delivery with its age."""
        return (
            "select file_name, fetched_at, extract(epoch from now() - fetched_at) / 86400 as age_days,"
            f" fetched_at < now() - make_interval(secs => {86400 * self.maximum_age_days!r}) as unexpected"
            " from landing.delivery where delivery_id = {delivery_id}"
        )

    def fault(self) -> None:
        """Return nothing: it is the whole that is at fault."""


class ExpectSourcesToBeFresh(RelationExpectation):
    """Every registered source has an accepted delivery that is no older than its contract allows."""

    counted: ClassVar[str] = "sources"

    def relation(self) -> str:
        """Return a row for each source, with the age of its newest accepted delivery."""
        return (
            "select source_id, fetched_at, age_days, maximum_age_days, age_days is null"
            " or age_days > maximum_age_days as unexpected"
            " from (select source.source_id, delivery.fetched_at,"
            " extract(epoch from now() - delivery.fetched_at) / 86400 as age_days,"
            " (source.contract ->> 'maximum_age_days')::numeric as maximum_age_days"
            " from landing.source left join landing.current_delivery as delivery using (source_id)) as source"
        )

    def fault(self) -> None:
        """Return nothing: it is the whole that is at fault."""
