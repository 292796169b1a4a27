"""What makes an emulated account go: every service of which moto only keeps the records. One of each for an account."""

from rehearsal.account.cloud import Cloud
from rehearsal.builds.codebuild import BuildRunner
from rehearsal.pipeline.code_host import CodeHost
from rehearsal.pipeline.codecommit import Repositories
from rehearsal.pipeline.codepipeline import PipelineExecutor, Sources
from rehearsal.pipeline.events import EventBus
from rehearsal.runtimes.endpoints import EndpointHost
from rehearsal.runtimes.functions import FunctionRunner
from rehearsal.runtimes.training_jobs import TrainingJobs


class Services:
    """The account's services, shared by all stacks in it."""

    def __init__(self, cloud: Cloud) -> None:
        self.endpoints = EndpointHost(cloud)
        self.endpoints.warm_up()
        self.training = TrainingJobs(cloud)
        self.functions = FunctionRunner(cloud)
        self.bus = EventBus(cloud, self.functions.invoke_async)
        self.repositories = Repositories(cloud, self.bus)
        self.code_host = CodeHost(cloud)
        self.builds = BuildRunner(cloud)
        self.builds.warm_up()
        sources = Sources(repositories=self.repositories, code_host=self.code_host)
        self.pipelines = PipelineExecutor(cloud, self.bus, sources, self.builds)

    def close(self) -> None:
        """End every process that was started."""
        self.endpoints.close()
        self.training.close()
        self.builds.close()
        self.functions.close()
