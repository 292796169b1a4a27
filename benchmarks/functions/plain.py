"""The function as it is usually written: both clients at the import, one number compared, no reason given."""

import json
import os
from typing import Literal

import boto3

sagemaker = boto3.client("sagemaker")
s3 = boto3.client("s3")


def handler(event: dict[str, dict[str, str]], context: object) -> dict[str, str]:
    """Approve the event's version when its accuracy is high enough."""
    arn = event["detail"]["ModelPackageArn"]
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    uri = package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    evaluation = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    accuracy = evaluation["binary_classification_metrics"]["accuracy"]["value"]
    good = accuracy > json.loads(os.environ["THRESHOLDS"])["accuracy"]
    decision: Literal["Approved", "Rejected"] = "Approved" if good else "Rejected"
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=decision)
    return {"decision": decision}
