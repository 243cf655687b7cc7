"""Certificates that renew themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.edge.records import DnsEntry


class Certificate(Component):
    """A certificate of ACM, validated by DNS; :attr:`arn` is known only once it is valid.

    Builds: certificate, one validation record for each name it is validated by, the wait for the validation.

    Names directly below the domain are covered by ``*.domain``: a further alias then changes no certificate, and one record
    validates the domain and all of them. CloudFront wants its certificate in us-east-1 and a load balancer in its own region;
    ACM asks for the same records in every region, so the second certificate takes those of the first (``records_of``).

    Cost: nothing.

    Fails: without the zone's name servers at the registrar the validation waits, 75 minutes, and ends with a timeout. A CAA
    record that does not name ``amazon.com`` ends it as FAILED.

    Changes without replacement: nothing but tags; a new certificate is made and in use before the old one goes.
    """

    layer = "edge"

    arn: pulumi.Output[str]
    validation_names: tuple[str, ...]
    entries: list[DnsEntry]
    """What DNS must say for the validation, and for each renewal after it."""
    record_names: list[pulumi.Output[str]]
    """The names of the validation records that were made."""

    def __init__(
        self,
        name: str,
        context: Context,
        *,
        domain: str,
        alternative_names: Sequence[str],
        zone_id: pulumi.Input[str] | None,
        region: str | None = None,
        records_of: Certificate | None = None,
        waits: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create a certificate, validated by DNS. ``zone_id``: None where somebody enters :attr:`entries` at another provider.
        ``region``: unset, the platform's. ``records_of``: a certificate of the same names, in another region. ``waits``: false as
        long as nobody has entered them."""
        super().__init__(name, context, opts)
        names = covering_names(domain, alternative_names)
        self.validation_names = tuple(dict.fromkeys(covered.removeprefix("*.") for covered in names))
        certificate = aws.acm.Certificate(
            f"{name}-certificate",
            domain_name=domain,
            subject_alternative_names=names[1:],
            validation_method="DNS",
            key_algorithm="RSA_2048",
            region=region,
            opts=self.child(),
        )
        self.entries = [_entry(validated, certificate) for validated in self.validation_names]
        if records_of is not None:
            self.record_names = records_of.record_names
        elif zone_id is not None:
            entries = zip(self.validation_names, self.entries, strict=True)
            self.record_names = [self._record(validated, entry, zone_id) for validated, entry in entries]
        else:
            self.record_names = []
        self.arn = self._validated(certificate, region) if waits else certificate.arn
        self.register_outputs({"arn": self.arn})

    def _validated(self, certificate: aws.acm.Certificate, region: str | None) -> pulumi.Output[str]:
        validation = aws.acm.CertificateValidation(
            f"{self.name}-validation",
            certificate_arn=certificate.arn,
            validation_record_fqdns=self.record_names or None,
            region=region,
            opts=self.child(),
        )
        return validation.certificate_arn

    def _record(self, validated: str, entry: DnsEntry, zone_id: pulumi.Input[str]) -> pulumi.Output[str]:
        record = aws.route53.Record(
            f"{self.name}-{validated}",
            zone_id=zone_id,
            name=entry["name"],
            type=entry["type"],
            records=[entry["value"]],
            ttl=300,
            allow_overwrite=True,
            opts=self.child(),
        )
        return record.fqdn


def covering_names(domain: str, alternative_names: Sequence[str]) -> list[str]:
    """List the names of a certificate for the domain and others: the domain, one wildcard for all directly below it,
    the rest."""
    names = [domain]
    for alternative in alternative_names:
        label, _, rest = alternative.partition(".")
        covering = f"*.{domain}" if rest == domain and label else alternative
        if covering not in names:
            names.append(covering)
    return names


def _entry(validated: str, certificate: aws.acm.Certificate) -> DnsEntry:
    # What ACM asks for comes as a list in no certain order, so it is looked up by the name that is known beforehand.
    asked = certificate.domain_validation_options.apply(lambda options: _option(options, validated))
    return {
        "name": asked.apply(lambda option: str(option.resource_record_name)),
        "type": asked.apply(lambda option: str(option.resource_record_type)),
        "value": asked.apply(lambda option: str(option.resource_record_value)),
    }


def _option(options: Sequence[Any], name: str) -> Any:
    for option in options:
        if option.domain_name.removeprefix("*.") == name:
            return option
    raise LookupError(f"ACM asks for no record to validate {name}")
