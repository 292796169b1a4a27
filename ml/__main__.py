"""`python -m ml`: the operator's commands."""

from ml.operate.app import app

if __name__ == "__main__":
    app(prog_name="python -m ml")
