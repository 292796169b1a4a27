"""What an operator asks of a running stack: a module for each concern, `ml.operate.app` on the command line."""
