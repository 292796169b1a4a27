"""A function that asks nobody: what the interpreter takes by itself."""


def handler(event, context):
    """Approve everything."""
    return {"decision": "Approved"}
