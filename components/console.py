"""Where in the AWS console a person finds things. The forms of the addresses are seen in use, not documented."""

from urllib.parse import quote

from components.names import Names


def log_group_url(names: Names, log_group: str) -> str:
    """Return where a log group's streams are. The console wants the name quoted twice, with $ for %."""
    quoted = quote(quote(log_group, safe=""), safe="").replace("%", "$")
    return f"{_service(names, 'cloudwatch')}#logsV2:log-groups/log-group/{quoted}"


def registry_url(names: Names) -> str:
    """Return where the registry is opened: in SageMaker Studio, whose own address depends on the person's domain."""
    return f"{_service(names, 'sagemaker')}#/studio-landing"


def endpoint_url(names: Names) -> str:
    """Return where the endpoint is."""
    return f"{_service(names, 'sagemaker')}#/endpoints/{names.endpoint}"


def _service(names: Names, service: str) -> str:
    return f"https://{names.region}.console.aws.amazon.com/{service}/home?region={names.region}"
