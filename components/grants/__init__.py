"""What each role may do: one module per role, each a pure function from names and settings to statements.

A statement is here because a call needs it: AWS documents the action for the step, or the code of the step makes the
call. What AWS's own examples grant beyond that is left out:

- s3:GetObjectVersion: the artifact location that CodePipeline hands to an action is a bucket and a key, no version
  (S3ArtifactLocation in its API model).
- lambda:ListFunctions: fills a list in the console.
- logs:CreateLogGroup: the program makes every log group, with its retention and its key. That of training jobs is the
  whole account's: the first job makes it.
- iam:PassRole for the train build: registering a version passes no role; only starting a training job does.
"""
