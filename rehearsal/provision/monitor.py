"""What a program registers, with what Pulumi's mocks are not told: parent, provider, dependencies, protection."""

import threading
from typing import Any

from pulumi.runtime.mocks import MockMonitor, Mocks
from pulumi.runtime.settings import get_project, get_stack

from rehearsal.provision.state import Options, resource_urn


class Monitor(MockMonitor):
    """Pulumi's mocked resource monitor, with the engine's addresses. Registrations come from several threads."""

    def __init__(self, mocks: Mocks) -> None:
        super().__init__(mocks)
        self._lock = threading.Lock()
        self._options: dict[tuple[str, str], Options] = {}

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Return the address that the engine would give."""
        return resource_urn(get_stack(), get_project(), parent=parent, type_name=type_, name=name)

    def RegisterResource(self, request: Any) -> Any:
        """Keep the options of the resource, and have it made."""
        options = Options(
            urn=self.make_urn(request.parent, request.type, request.name),
            parent=request.parent,
            provider=request.provider,
            # What only a property depends on is in here as well.
            dependencies=frozenset(request.dependencies),
            protect=request.protect,
            retain_on_delete=request.retainOnDelete,
        )
        with self._lock:
            self._options[request.type, request.name] = options
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]  # as Pulumi has it

    def options(self, type_name: str, name: str) -> Options:
        """Return the options of what was registered under this type and name; plain ones of what was not."""
        with self._lock:
            found = self._options.get((type_name, name))
        return found or Options(urn=resource_urn("", "", parent="", type_name=type_name, name=name))
