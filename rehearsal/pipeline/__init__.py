"""What moves a commit: CodeCommit, EventBridge and CodePipeline."""
