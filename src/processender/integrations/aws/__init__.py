"""
AWS: hears that an instance or a task is to end, and leaves and joins a target group of a load balancer.

The sources, `listen` (instances of EC2), `listen_ecs` (tasks) and `listen_queue` (events in SQS), and what they hear
stand on [a page of their own](../../how-to/platforms/aws.md). What follows is about the drainer.

Takes over: deregistering the target before the process ends, so that no new request comes, and those under way have the
`deregistration_delay` of the group to be answered.

Leaves: the delay itself, 300 s unless the group says otherwise, to whoever owns the group; a note says when it is
longer than the time that is left. A balancer may still send for seconds, so the process must go on listening, behind a
network load balancer in particular; `drain_delay` is for that. What ECS, an Auto Scaling group or a controller
registers, it deregisters itself: use none of this there.

Evidence: `DescribeTargetHealth` says `unused` of the target, after `draining`.

Way back: the target is registered again, with the same port, and waited for until it is `healthy`. The group remembers
that it was deregistered, so it is also registered when a new process serves.

Versions: boto3 from 1.40 on (`pip install 'processender[aws]'`), the API 2015-12-01. The credentials come from where
boto3 finds them, and need `DeregisterTargets`, `RegisterTargets`, `DescribeTargetHealth`; `DescribeTargetGroups` and
`DescribeTargetGroupAttributes` for the notes.
"""

from __future__ import annotations

from .containers import TaskProtection, listen_ecs
from .drainer import drain
from .listener import listen
from .queue import listen_queue

__all__ = ["TaskProtection", "drain", "listen", "listen_ecs", "listen_queue"]
