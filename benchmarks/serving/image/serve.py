"""Start the serving stack as the image does: install the user's module with pip, then gunicorn with gevent workers."""

import collections
import collections.abc

collections.Mapping = collections.abc.Mapping  # type: ignore[attr-defined]  # as the image does

from sagemaker_containers.beta.framework import server  # noqa: E402

server.start("application:main")
