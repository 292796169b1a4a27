"""The names of the parts that a person looks for when something is wrong: `python -m ml doctor` does."""

from components.arns import Arns
from components.names import Names
from components.settings import CODECOMMIT, Settings


def part_names(names: Names, settings: Settings) -> dict[str, list[str]]:
    """Return functions, rules, log groups and topics (the latter by ARN) of a stack with these settings."""
    arns = Arns(names=names)
    functions, rules, topics = [], [names.pipeline_failed_rule], [arns.alarms_topic]
    log_groups = [names.train_log_group, names.deploy_log_group, names.endpoint_log_group]
    if settings.source.provider == CODECOMMIT:
        rules.append(names.push_rule)
    if settings.approval.judges_metrics:
        functions.append(names.approval_function)
        rules.append(names.registry_rule)
        log_groups.append(names.approval_log_group)
    if settings.approval.asks_person:
        functions.append(names.bridge_function)
        rules += [names.decision_rule, names.waiting_rule, names.age_rule]
        topics.append(arns.approvals_topic)
        log_groups.append(names.bridge_log_group)
    if settings.audit.trail:
        log_groups.append(names.trail_log_group)
    return {"functions": functions, "rules": rules, "log_groups": log_groups, "topics": topics}
