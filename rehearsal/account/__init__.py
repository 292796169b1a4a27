"""The emulated AWS account: one URL, IAM as the program wrote it, moto corrected where it is wrong."""
