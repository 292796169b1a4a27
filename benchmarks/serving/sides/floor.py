"""The floor: what the stack itself takes. It answers a constant."""


def model_fn(model_dir: str) -> str:
    """Load nothing."""
    return model_dir


def transform_fn(model: str, data: object, content_type: str, accept: str) -> tuple[str, str]:
    """Answer the same to everybody."""
    return '{"predictions": []}', "application/json"
