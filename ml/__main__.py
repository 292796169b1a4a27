"""`python -m ml`: the operator's commands."""

from ml.operate.app import app
from ml.operate.completion import VARIABLE

if __name__ == "__main__":
    app(prog_name="python -m ml", complete_var=VARIABLE)
