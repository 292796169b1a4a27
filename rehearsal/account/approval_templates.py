"""CodeCommit's approval rule templates, which moto does not have, and the list of repositories.

Ours: a template is stored and associated; nobody merges pull requests here, so that no approval is ever counted.
"""

import json
import threading
import uuid
from typing import TYPE_CHECKING, Any

from moto.codecommit.models import codecommit_backends

from rehearsal.account.calls import AwsError, Caller

if TYPE_CHECKING:
    from rehearsal.account.cloud import Cloud


class ApprovalTemplates:
    """Every template of the account, and the repositories that each rules. Safe to use from any thread."""

    def __init__(self, cloud: "Cloud") -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self._templates: dict[str, dict[str, Any]] = {}
        self._repositories: dict[str, set[str]] = {}
        for name, handler in {
            "CreateApprovalRuleTemplate": self._create,
            "DeleteApprovalRuleTemplate": self._delete,
            "GetApprovalRuleTemplate": self._get,
            "ListApprovalRuleTemplates": self._list,
            "AssociateApprovalRuleTemplateWithRepository": self._associate,
            "DisassociateApprovalRuleTemplateFromRepository": self._disassociate,
            "ListAssociatedApprovalRuleTemplatesForRepository": self._list_associated,
            "ListRepositories": self._list_repositories,
        }.items():
            cloud.operation("codecommit", name, handler)

    def _find(self, name: str) -> dict[str, Any]:
        if name not in self._templates:
            text = f"The specified approval rule template does not exist: {name}"
            raise AwsError("ApprovalRuleTemplateDoesNotExistException", text)
        return self._templates[name]

    def _create(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        name, content = params["approvalRuleTemplateName"], params["approvalRuleTemplateContent"]
        try:
            json.loads(content)["Statements"]
        except (ValueError, TypeError, KeyError) as error:
            text = "The content of the approval rule template is not valid."
            raise AwsError("InvalidApprovalRuleTemplateContentException", text) from error
        with self._lock:
            if name in self._templates:
                text = f"An approval rule template with the name {name} already exists."
                raise AwsError("ApprovalRuleTemplateNameAlreadyExistsException", text)
            self._templates[name] = {**params, "approvalRuleTemplateId": str(uuid.uuid4())}
            self._repositories[name] = set()
            return {"approvalRuleTemplate": self._templates[name]}

    def _delete(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        name = params["approvalRuleTemplateName"]
        with self._lock:
            found = self._find(name)
            if self._repositories[name]:
                text = f"{name} is associated with repositories. Remove all associations before you delete it."
                raise AwsError("ApprovalRuleTemplateInUseException", text)
            del self._templates[name]
        return {"approvalRuleTemplateId": found["approvalRuleTemplateId"]}

    def _get(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        with self._lock:
            return {"approvalRuleTemplate": self._find(params["approvalRuleTemplateName"])}

    def _list(self, _params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        with self._lock:
            return {"approvalRuleTemplateNames": sorted(self._templates)}

    def _associate(self, params: dict[str, Any], _caller: Caller) -> None:
        with self._lock:
            self._find(params["approvalRuleTemplateName"])
            self._require_repository(params["repositoryName"])
            self._repositories[params["approvalRuleTemplateName"]].add(params["repositoryName"])

    def _disassociate(self, params: dict[str, Any], _caller: Caller) -> None:
        with self._lock:
            self._find(params["approvalRuleTemplateName"])
            self._require_repository(params["repositoryName"])
            self._repositories[params["approvalRuleTemplateName"]].discard(params["repositoryName"])

    def _list_associated(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        with self._lock:
            self._require_repository(params["repositoryName"])
            ruling = [name for name, ruled in self._repositories.items() if params["repositoryName"] in ruled]
        return {"approvalRuleTemplateNames": sorted(ruling)}

    def _known_repositories(self) -> dict[str, Any]:
        known: dict[str, Any] = codecommit_backends[self._cloud.account][self._cloud.region].repositories
        return known

    def _require_repository(self, name: str) -> None:
        if name not in self._known_repositories():
            raise AwsError("RepositoryDoesNotExistException", f"{name} does not exist")

    def _list_repositories(self, _params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        shown = ("repositoryName", "repositoryId")
        known = [repository.repository_metadata for repository in self._known_repositories().values()]
        found = [{name: metadata[name] for name in shown} for metadata in known]
        return {"repositories": sorted(found, key=lambda each: each["repositoryName"])}
