"""Operations that keys restricted to some queues or job types may call.

Every operation of this list checks what it submits, shows or changes against the key's restriction. All other
operations, and so each new one, refuse restricted keys.
"""

from service.api.auth.credentials import Caller
from service.api.responses.errors import KeyRestricted

#: Names of routes.
RESTRICTABLE = frozenset(
    {
        "create_job", "create_jobs", "list_jobs", "get_job", "update_job", "delete_job", "cancel_job",
        "retry_job", "run_job_now", "list_job_attempts", "list_job_logs", "explain_job", "stream_job_events",
        "create_flow", "list_flows", "get_flow", "get_flow_graph", "list_flow_jobs", "cancel_flow",
        "retry_flow", "delete_flow", "stream_flow_events", "create_fan_out", "list_fan_outs", "get_fan_out",
        "list_fan_out_jobs", "list_fan_out_results", "add_fan_out_items", "seal_fan_out", "cancel_fan_out",
        "retry_fan_out", "delete_fan_out", "stream_fan_out_events", "list_dead_letters", "get_dead_letter",
        "retry_dead_letter", "delete_dead_letter", "retry_dead_jobs", "create_bulk_action",
        "list_bulk_actions", "get_bulk_action", "pause_bulk_action", "resume_bulk_action",
        "cancel_bulk_action", "list_queues", "get_queue", "update_queue", "delete_queue", "pause_queue",
        "resume_queue", "purge_queue", "list_schedules", "get_schedule", "put_schedule", "delete_schedule",
        "pause_schedule", "resume_schedule", "run_schedule_now", "list_api_keys", "create_api_key",
        "get_api_key", "rotate_api_key", "revoke_api_key", "read_autoscale",
    }
)  # fmt: skip


def check_operation(caller: Caller, operation: str) -> None:
    """Raises KeyRestricted for a restricted key if the operation does not heed restrictions."""
    if caller.reach is not None and operation not in RESTRICTABLE:
        raise KeyRestricted("This operation is not available to API keys restricted to queues or job types.")
