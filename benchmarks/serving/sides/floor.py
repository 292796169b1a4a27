"""The floor: what the stack itself takes. It answers a constant."""


def model_fn(model_dir):
    """Load nothing."""
    return model_dir


def transform_fn(model, data, content_type, accept):
    """Answer the same to everybody."""
    return '{"predictions": []}', "application/json"
