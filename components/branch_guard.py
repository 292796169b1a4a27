"""The branch guard: a policy for people, by which changes reach the branch as reviewed pull requests alone.

A rule for pull requests (components/source.py) asks for approvals and says nothing about a push. CodeCommit leaves that
to IAM: whoever has this policy is refused whatever else allows it (CodeCommit user guide, Limit pushes and merges to
branches). Whom it is attached to is the account's choice, so the program attaches it to nobody.
"""

from components.arns import Arns
from components.iam import Statement, deny

BRANCH_WRITES = (
    "codecommit:GitPush",
    "codecommit:CreateBranch",
    "codecommit:DeleteBranch",
    "codecommit:CreateCommit",
    "codecommit:PutFile",
    "codecommit:DeleteFile",
    "codecommit:MergeBranchesByFastForward",
    "codecommit:MergeBranchesBySquash",
    "codecommit:MergeBranchesByThreeWay",
)
"""Every action that makes, moves or removes a branch (service authorization reference), but for the merges of a pull
request: these wait for its approvals."""

RULE_DODGES = (
    "codecommit:OverridePullRequestApprovalRules",
    "codecommit:DisassociateApprovalRuleTemplateFromRepository",
    "codecommit:BatchDisassociateApprovalRuleTemplateFromRepositories",
)
"""Ways round the approvals of a pull request. Changing the template itself is one more: that action names no
repository, so a denial would reach every team's templates. Leave it to whoever runs the program."""


def branch_guard(arns: Arns, branch: str) -> list[Statement]:
    """Return the statements that keep a person from writing to `branch` past its reviews."""
    return [
        deny(
            "OnlyByPullRequest",
            BRANCH_WRITES,
            arns.repository,
            {
                "StringEqualsIfExists": {"codecommit:References": [f"refs/heads/{branch}"]},
                # A push begins with calls that name no branch yet; they serve every branch.
                "Null": {"codecommit:References": "false"},
            },
        ),
        deny("OnlyWithItsReviews", RULE_DODGES, arns.repository),
    ]
