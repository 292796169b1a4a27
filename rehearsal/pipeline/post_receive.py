"""Git's post-receive hook of an emulated repository: report each changed reference, as CodeCommit notices a push.

Started by git in a process of its own, with the standard library only: `python -I post_receive.py <url> <repository>`.
"""

import json
import sys
import urllib.request
from collections.abc import Iterable

_TIMEOUT_SECONDS = 10


def report(url: str, repository: str, lines: Iterable[str]) -> None:
    """Post each line of git's (`<old> <new> <reference>`) to `url`."""
    # A proxy of the person's environment must not be asked about this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for line in lines:
        old, new, reference = line.split()
        body = json.dumps({"repository": repository, "old": old, "new": new, "reference": reference}).encode()
        request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
        opener.open(request, timeout=_TIMEOUT_SECONDS).close()


if __name__ == "__main__":
    report(sys.argv[1], sys.argv[2], sys.stdin)
