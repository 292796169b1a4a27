"""What runs code on AWS's side of the road: Lambda functions and SageMaker endpoints."""
