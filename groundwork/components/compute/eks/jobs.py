"""Jobs on Kubernetes: a CronJob for each, suspended where it has no schedule, from which jobs are created by hand.

``kubectl create job --from=cronjob/NAME`` is how Kubernetes itself starts one:
https://kubernetes.io/docs/reference/kubectl/generated/kubectl_create/kubectl_create_job/
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from groundwork.components.compute.eks.deployment import pod
from groundwork.components.compute.eks.inside import Inside
from groundwork.components.compute.eks.network_policy import service_policy
from groundwork.components.compute.eks.secrets import values
from groundwork.components.compute.eks.workloads import EksSurroundings, identified
from groundwork.components.compute.images import Image
from groundwork.components.compute.jobs import WAIT, Job, JobOutputs
from groundwork.components.compute.workload import Workload
from groundwork.settings.recurrence import recurrence

_DAY = 86_400
_LATE = 3600
"""Seconds after which a run that could not begin is left to the next."""
_NEVER = "0 0 1 1 *"
"""A CronJob has a schedule, also one that is suspended."""


@dataclass(frozen=True)
class EksJob:
    """A job that can be run."""

    log_group_name: pulumi.Output[str]
    outputs: JobOutputs


def run_job(inside: Inside, workload: Workload, around: EksSurroundings, job: Job, image: Image) -> EksJob:
    """Create a job's identity, network policy and CronJob. It says all of the job from the first update on, but for the image,
    which is the placeholder's until there is one, and as long nothing is started by a schedule."""
    name = workload.name
    made_before = identified(inside, workload)
    service_policy(inside, workload, around.containers, around.ranges, from_outside=())
    given = values(inside, workload)
    schedule = job.settings.schedule
    timeout = job.settings.timeout or (None if schedule else WAIT)
    starts = schedule is not None and schedule.enabled and not image.is_placeholder
    kubernetes.batch.v1.CronJob(
        f"{inside.parent.name}-{name}",
        metadata=inside.metadata(name, service=name),
        spec=kubernetes.batch.v1.CronJobSpecArgs(
            schedule=(recurrence(schedule.cron) if schedule else None) or _NEVER,
            time_zone=(schedule.timezone if schedule else None) or inside.parent.context.platform.timezone,
            suspend=not starts,
            concurrency_policy="Forbid",
            starting_deadline_seconds=_LATE,
            successful_jobs_history_limit=1,
            failed_jobs_history_limit=3,
            job_template=kubernetes.batch.v1.JobTemplateSpecArgs(
                metadata=kubernetes.meta.v1.ObjectMetaArgs(labels=inside.labels(name)),
                spec=kubernetes.batch.v1.JobSpecArgs(
                    backoff_limit=job.settings.retries,
                    active_deadline_seconds=timeout,
                    ttl_seconds_after_finished=_DAY,
                    template=kubernetes.core.v1.PodTemplateSpecArgs(
                        metadata=kubernetes.meta.v1.ObjectMetaArgs(labels=inside.labels(name)),
                        spec=pod(inside, workload, image, given, ends=True),
                    ),
                ),
            ),
        ),
        opts=inside.options([*made_before.ready, *workload.ready, *(given.ready if given else ())]),
    )
    return EksJob(
        made_before.log_group_name,
        JobOutputs(
            when=job.settings.starts,
            image=image.holder,
            timeout=timeout,
            logGroup=made_before.log_group_name,
            container=name,
            cluster=inside.cluster.name,
            namespace=inside.namespace,
            cronJob=name,
        ),
    )
