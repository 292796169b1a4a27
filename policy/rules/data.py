"""Data: buckets, keys, queues and topics keep what they hold, and keep it closed."""

from collections.abc import Iterator

from .graph import Graph, Resource, at
from .iam import statements_of
from .rule import Check, Checks, Rule, check
from .wiring import FUNCTION, PROJECT

BUCKET = "s3/bucket:Bucket"
PUBLIC_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
EVIDENCE = (
    BUCKET,
    "kms/key:Key",
    "sagemaker/modelPackageGroup:ModelPackageGroup",
    "codecommit/repository:Repository",
)
"""What a released model is proven by, and what all of that is encrypted with."""


def buckets_are_complete(graph: Graph) -> Checks:
    """Check the side resources of every bucket: each closes or keeps something that a bare bucket does not."""
    for bucket in graph.of(BUCKET):
        yield from _complete(graph, bucket)


def _complete(graph: Graph, bucket: Resource) -> Iterator[Check]:
    versioned = any(
        at(one.props, "versioningConfiguration", "status") == "Enabled"
        for one in _sides(graph, bucket, "BucketVersioning")
    )
    yield check(bucket, versioned, "keeps no versions: what is overwritten is lost")
    encrypted = any(one.props.get("rules") for one in _sides(graph, bucket, "BucketServerSideEncryptionConfiguration"))
    yield check(bucket, encrypted, "says not how its objects are encrypted")
    closed = any(
        all(one.props.get(flag) is True for flag in PUBLIC_BLOCKS)
        for one in _sides(graph, bucket, "BucketPublicAccessBlock")
    )
    yield check(bucket, closed, "is not closed to the public in all four ways")
    owned = any(
        at(one.props, "rule", "objectOwnership") == "BucketOwnerEnforced"
        for one in _sides(graph, bucket, "BucketOwnershipControls")
    )
    yield check(bucket, owned, "still honours access lists")
    tls = any(_refuses_plain_http(one) for one in _sides(graph, bucket, "BucketPolicy"))
    yield check(bucket, tls, "answers plain HTTP")
    rules = [
        rule for one in _sides(graph, bucket, "BucketLifecycleConfiguration") for rule in one.props.get("rules") or []
    ]
    tidy = any(at(rule, "abortIncompleteMultipartUpload", "daysAfterInitiation") for rule in rules)
    yield check(bucket, tidy, "keeps the parts of broken uploads for ever")


def _sides(graph: Graph, bucket: Resource, kind: str) -> list[Resource]:
    return graph.users_of(bucket, f"s3/{kind[0].lower()}{kind[1:]}:{kind}", "bucket")


def _refuses_plain_http(policy: Resource) -> bool:
    return any(
        not one.allows and one.everybody and one.accepted("Bool", "aws:SecureTransport") == ("false",)
        for one in statements_of(policy)
    )


def queues_and_topics_are_encrypted(graph: Graph) -> Checks:
    """Check that messages are encrypted where they lie."""
    for queue in graph.of("sqs/queue:Queue"):
        encrypted = queue.props.get("sqsManagedSseEnabled") is True or queue.props.get("kmsMasterKeyId") is not None
        yield check(queue, encrypted, "holds its messages in the clear")
    for topic in graph.of("sns/topic:Topic"):
        yield check(topic, topic.props.get("kmsMasterKeyId") is not None, "holds its messages in the clear")


def keys_rotate(graph: Graph) -> Checks:
    """Check every key: it rotates, and a deletion can be taken back for a month."""
    for key in graph.of("kms/key:Key"):
        yield check(key, key.props.get("enableKeyRotation") is True, "does not rotate")
        yield check(key, key.props.get("deletionWindowInDays") == 30, "can be lost within less than 30 days")


def evidence_is_protected_together(graph: Graph) -> Checks:
    """Check that either all evidence is protected or none: buckets without their key are lost, and the other way."""
    evidence = list(graph.of(*EVIDENCE))
    protects = any(one.protect for one in evidence)
    for one in evidence:
        yield check(one, one.protect == protects, "is not protected, while other evidence of this stack is")


def builds_hold_no_privilege(graph: Graph) -> Checks:
    """Check the build projects: an unprivileged container, whose results the stack's key encrypts."""
    for project in graph.of(PROJECT):
        plain = at(project.props, "environment", "privilegedMode") is not True
        yield check(project, plain, "runs in privileged mode")
        yield check(project, project.props.get("encryptionKey") is not None, "names no key for its results")


def functions_hide_their_environment(graph: Graph) -> Checks:
    """Check that a function's environment is encrypted with the stack's key."""
    for function in graph.of(FUNCTION):
        yield check(function, function.props.get("kmsKeyArn") is not None, "names no key for its environment")


RULES = (
    Rule(
        name="buckets-are-complete",
        says="A bucket is versioned, encrypted, closed, TLS-only, without access lists, and tidied.",
        checks=buckets_are_complete,
    ),
    Rule(
        name="messages-are-encrypted",
        says="Queues and topics encrypt what they hold.",
        checks=queues_and_topics_are_encrypted,
    ),
    Rule(
        name="keys-rotate",
        says="Keys rotate, and their deletion waits 30 days.",
        checks=keys_rotate,
    ),
    Rule(
        name="evidence-is-protected-together",
        says="Key, buckets, repository and registry are protected together or not at all.",
        checks=evidence_is_protected_together,
    ),
    Rule(
        name="builds-hold-no-privilege",
        says="Builds run unprivileged and encrypt their results.",
        checks=builds_hold_no_privilege,
    ),
    Rule(
        name="environments-are-encrypted",
        says="A function's environment is encrypted with the stack's key.",
        checks=functions_hide_their_environment,
    ),
)
