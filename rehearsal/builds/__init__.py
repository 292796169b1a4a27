"""CodeBuild: a buildspec's own commands, run as AWS documents it."""
