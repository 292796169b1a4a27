"""A function that asks nobody: what the interpreter takes by itself."""


def handler(event: object, context: object) -> dict[str, str]:
    """Approve everything."""
    return {"decision": "Approved"}
