"""Parameter Store: trees of plain configuration."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant, ParameterReference
from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.parameters.settings import ParameterTreeSettings


class Parameters(Component):
    """A tree of values, each of which becomes an environment variable of those who read it (S4-10).

    Builds: a parameter for each value, below ``/platform/stage/name``.

    A service that reads it gets references, not permissions: whatever starts it resolves them, and a value that was changed
    in Parameter Store reaches a service when it is next started. The next update of the stack puts back what the stack file
    says.

    Cost: nothing up to 4 KB a value; $0.05 a month for each that is larger.

    Fails: a service that is started while a parameter is missing does not start, and names it. Parameter Store takes neither
    an empty value nor one with two braces in a row, which it reads as a reference.

    Changes without replacement: values. Another path is another tree.
    """

    layer = "secrets"

    path: str

    def __init__(
        self,
        name: str,
        settings: ParameterTreeSettings,
        context: Context,
        *,
        key: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, context, opts)
        self.path = settings.path or f"{context.prefix}/{key}"
        self._references = {
            variable: self._parameter(variable, value) for variable, value in sorted(settings.values.items())
        }
        self.register_outputs({"path": self.path})

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Grant ``read``: one environment variable for each value."""
        return Grant(parameters=self._references)

    def _parameter(self, variable: str, value: str) -> ParameterReference:
        name = f"{self.path}/{variable}"
        made = aws.ssm.Parameter(
            f"{self.name}.{variable}",
            name=name,
            type=aws.ssm.ParameterType.STRING,
            tier="Intelligent-Tiering",
            # Plain on purpose: what is secret belongs under secrets, and this shows in a preview.
            insecure_value=value,
            opts=self.child(),
        )
        return ParameterReference(made.arn, name)
